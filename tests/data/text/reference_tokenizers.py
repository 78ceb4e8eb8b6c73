"""Builds Hugging Face `tokenizers` from vocabulary-only GGUF files, the way the models' own tokenizer.json do.

What a GGUF file leaves out (normalizer, pre-tokenizer) stands here as in tokenizer.json of the model the vocabulary
belongs to. Needs the PyPI packages gguf and tokenizers.
"""

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CAPITAL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN35 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{CAPITAL}*{SMALL}+|[^\r\n\p{{L}}\p{{N}}]?{CAPITAL}+{SMALL}*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES)
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?{CAPITAL}*{SMALL}+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?{CAPITAL}+{SMALL}*{CONTRACTIONS}?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES)
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
             r"| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES)
# Letters of alphabets with case, as they stand in DeepSeek-LLM's tokenizer.json.
DEEPSEEK_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376"
    "\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d"
    "\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4"
    "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
    "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a"
    "\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
    "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943")
# Kimi-K2's tokenization_kimi.py; jais-2, EXAONE-MoE, Youtu and Chameleon as their tokenizer.json have it.
CAPITAL_NOT_HAN, SMALL_NOT_HAN = CAPITAL[:-1] + r"&&[^\p{Han}]]", SMALL[:-1] + r"&&[^\p{Han}]]"
KIMI_K2 = (rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?{CAPITAL_NOT_HAN}*{SMALL_NOT_HAN}+{CONTRACTIONS}?"
           rf"|[^\r\n\p{{L}}\p{{N}}]?{CAPITAL_NOT_HAN}+{SMALL_NOT_HAN}*{CONTRACTIONS}?"
           r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES)
JAIS2 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)"
         r"|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}")
EXAONE_MOE = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"
              r"|\s*[\r\n]|\s+(?!\S)|\s+")
YOUTU_SCRIPTS = ("[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+"
                 "|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+")
UFAKZEKA = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
COHERE_NUMBER = r"\d{1,3}(?=(?:\d{3})*\b)"
# AFMoE cuts numbers in three steps, of 510 digits, then the one or two that lead, then threes.
AFMOE_NUMBERS = [r"\p{Nd}{1,510}(?=(?>\p{Nd}{510})*(?:\P{Nd}|$))|\G\p{Nd}{510}", r"\A\p{Nd}{1,2}(?=\p{Nd}{3}+\z)",
                 r"\A\p{Nd}{3}|\G\p{Nd}{3}"]
AFMOE_SCRIPTS = ("[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff\u3400-\u4dbf\uf900-\ufaff\uff65-\uff9f\u2f00-\u2fdf]+"
                 "|[\u0e00-\u0e7f]+|[\u0e80-\u0eff]+|[\u1780-\u17ff]+|[\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff]+"
                 "|[\uac00-\ud7af\u1100-\u11ff]+")
SPARK25 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
           r"| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+")
DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"


def split(expression):
    return pre_tokenizers.Split(Regex(expression), "isolated")


def byte_level(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def digits_then_gpt2():
    return [pre_tokenizers.Digits(individual_digits=True), byte_level(True)]


# name of tokenizer.ggml.pre -> (normalizer, pre-tokenizers, ignore_merges)
PRE = {
    "gpt-2": (None, lambda: [byte_level(True)], False),
    "mpt": (normalizers.NFC, lambda: [byte_level(True)], False),
    "olmo": (normalizers.NFC, lambda: [byte_level(True)], False),
    "modern-bert": (normalizers.NFC, lambda: [byte_level(True)], False),
    "smollm": (None, digits_then_gpt2, False),
    "starcoder": (None, digits_then_gpt2, False),
    "refact": (None, digits_then_gpt2, False),
    "command-r": (normalizers.NFC, digits_then_gpt2, False),
    "llama-bpe": (None, lambda: [split(LLAMA3), byte_level()], True),
    "qwen2": (normalizers.NFC, lambda: [split(QWEN2), byte_level()], False),
    "qwen35": (normalizers.NFC, lambda: [split(QWEN35), byte_level()], False),
    "glm4": (None, lambda: [split(LLAMA3), byte_level()], True),
    "kimi-k2": (None, lambda: [split(KIMI_K2), byte_level()], True),
    "ufakzeka": (None, lambda: [split(UFAKZEKA), byte_level()], False),
    "cohere2moe": (normalizers.NFC, lambda: [split(COHERE_NUMBER), split(GPT4O), byte_level()], False),
    "superbpe": (None, lambda: [split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"), byte_level()], False),
    "afmoe": (None, lambda: [*map(split, AFMOE_NUMBERS), split(AFMOE_SCRIPTS), split(DEEPSEEK3), byte_level()], False),
    "spark2_5": (None, lambda: [split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(SPARK25),
                                split(r"\p{N}"), byte_level()], False),
    "jais-2": (None, lambda: [split(JAIS2), byte_level()], False),
    "exaone-moe": (None, lambda: [split(EXAONE_MOE), byte_level()], False),
    "youtu": (None, lambda: [split(YOUTU_SCRIPTS), split(GPT4O.replace(r"\p{N}{1,3}", r"\p{N}")), byte_level()], True),
    "chameleon": (None, lambda: [split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
                                 split("([\t\n]|    |  )"), pre_tokenizers.Digits(individual_digits=True),
                                 pre_tokenizers.Punctuation("isolated"), byte_level(True)], False),
    "laguna": (None, lambda: [split(r"[^\n]+|[\n]+"), split(QWEN2), byte_level()], False),
    "tekken": (None, lambda: [split(TEKKEN), byte_level()], True),
    "gpt-4o": (None, lambda: [split(GPT4O), byte_level()], False),
    "falcon": (None, lambda: [pre_tokenizers.Punctuation("contiguous"), byte_level(True),
                              pre_tokenizers.Digits(individual_digits=False), split("[0-9][0-9][0-9]")], False),
    "deepseek-llm": (None, lambda: [split("[\r\n]"), split(rf"\s?[{DEEPSEEK_LETTERS}]+"),
                                    split(r"\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
                                    split(r"\s+$"), split(DEEPSEEK_CJK), pre_tokenizers.Digits(individual_digits=True),
                                    byte_level()], False),
    "deepseek-coder": (None, lambda: [split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(DEEPSEEK_CJK),
                                      pre_tokenizers.Digits(individual_digits=True), byte_level()], False),
    "deepseek-v3": (None, lambda: [split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
                                   split(DEEPSEEK3), byte_level()], False),
}


class Vocabulary:
    """The `tokenizer.ggml.*` keys of a GGUF file."""

    def __init__(self, path):
        fields = GGUFReader(path).fields

        def get(name, default=None):
            field = fields.get("tokenizer.ggml." + name)
            return default if field is None else field.contents()

        self.model = get("model")
        self.pre = get("pre", "default")
        self.tokens = get("tokens")
        self.types = get("token_type", [NORMAL] * len(self.tokens))
        self.scores = get("scores")
        self.merges = get("merges", [])
        self.unknown = get("unknown_token_id", 0)

    def of_type(self, *types):
        return [text for text, kind in zip(self.tokens, self.types) if kind in types]


def byte_level_bpe(vocabulary, pre):
    normalizer, parts, ignore_merges = PRE[pre]
    ids = {text: i for i, text in enumerate(vocabulary.tokens)}
    merges = [tuple(merge.split(" ", 1)) for merge in vocabulary.merges]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def character_bpe(vocabulary):
    """Gemma 4's and their like: no cut before merging, a space is U+2581."""
    ids = {text: i for i, text in enumerate(vocabulary.tokens)}
    merges = [tuple(merge.split(" ", 1)) for merge in vocabulary.merges]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    return tokenizer


def sentence_piece(vocabulary):
    """As transformers converts it: every way to cut a piece in two pieces is a merge, the best score first."""
    ids = {text: i for i, text in enumerate(vocabulary.tokens)}
    usable = {t for t, kind in zip(vocabulary.tokens, vocabulary.types) if kind in (NORMAL, USER_DEFINED, UNUSED)}
    merges = []
    for text in usable:
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in usable and right in usable:
                merges.append((-vocabulary.scores[ids[text]], ids[left], ids[right], left, right))
    merges.sort()
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[m[3:] for m in merges], byte_fallback=True, fuse_unk=True,
                                     unk_token=vocabulary.tokens[vocabulary.unknown]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    return tokenizer


def word_piece(vocabulary):
    # GGUF marks the start of a word where WordPiece marks its continuation.
    ids = {}
    for i, (text, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types)):
        if kind != NORMAL:
            ids[text] = i
        elif text.startswith("\u2581"):
            ids[text[1:]] = i
        else:
            ids["##" + text] = i
    tokenizer = Tokenizer(models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def build(path, pre=None):
    """The tokenizer of a GGUF file; `pre` overrides the name of its pre-tokenizer."""
    vocabulary = Vocabulary(path)
    if vocabulary.model == "llama":
        tokenizer = sentence_piece(vocabulary)
    elif vocabulary.model == "bert":
        tokenizer = word_piece(vocabulary)
    elif vocabulary.model == "gemma4":
        tokenizer = character_bpe(vocabulary)
    else:
        tokenizer = byte_level_bpe(vocabulary, pre or vocabulary.pre)
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in vocabulary.of_type(USER_DEFINED) if t])
    return tokenizer
