"""Byte-level BPE of the pilot: training, encoding and decoding.

The pre-tokenizer is GPT-2's. Two choices make copying easy for a small decoder:

* Merges are learnt on words without their leading space; afterwards one merge `Ġ + piece` is added for every
  piece. So ` bedroom` in a sentence and `bedroom` in a JSON value are cut alike, and differ in one flag only
  (`Tokenizer.factors`), which lets the model share one embedding between the twins.
* Every piece of JSON that the answers need (`{"intent":"iot_coffee","slots":{`, `","date":"`, ...) is one
  user-defined token. A person does not type such text, so none of it matches inside a sentence.
"""

import collections
import functools
import json
import random

import regex

GPT2_PATTERN = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")
SPACE = "\u0120"  # GPT-2's visible form of the byte 0x20.

# Control tokens of the chat template; the last one ends an answer.
USER, AGAIN, ANSWER, END = CONTROLS = ["<|user|>", "<|again|>", "<|answer|>", "<|end|>"]
CLOSE_EMPTY, CLOSE_STRING, NEXT_ITEM, CLOSE_ARRAY, COMMA = PUNCTUATION = ["}}", '"}}', '","', '"]', ","]
# The four forms of a type's opening: first in the object, or after a string value; then a string, or an array.
SLOT_FORMS = ['"%s":"', '"%s":["', '","%s":"', '","%s":["']

# Embedding flags (see `Tokenizer.factors`).
FLAG_INNER, FLAG_SPACED, FLAG_SPECIAL = 0, 1, 2  # then one flag for each of SLOT_FORMS
FLAG_COUNT = 3 + len(SLOT_FORMS)

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # tokenizer.ggml.token_type


@functools.cache
def byte_alphabet():
    """GPT-2's reversible map from bytes to printable characters."""
    kept = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {b: chr(b) for b in kept}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(kept))
    return table


def to_visible(text):
    return "".join(byte_alphabet()[b] for b in text.encode())


def from_visible(visible):
    reverse = {c: b for b, c in byte_alphabet().items()}
    return bytes(reverse[c] for c in visible)


class MergeLearner:
    """Plain BPE: the most frequent adjacent pair first, of equal ones the one met first. Keeps for each pair its count and
    the words that hold it, so that a merge touches only those."""

    def __init__(self, word_counts):
        self.words = [(list(word), n) for word, n in word_counts.items()]
        self.counts, self.holders = collections.Counter(), collections.defaultdict(set)
        for i in range(len(self.words)):
            self.add(i, 1)

    def add(self, i, sign):
        symbols, n = self.words[i]
        for pair in zip(symbols, symbols[1:]):
            self.counts[pair] += sign * n
            self.holders[pair].add(i)

    def next(self):
        """The pair that was merged, or None where nothing is left to merge."""
        best = max(self.counts, key=self.counts.get, default=None)
        if best is None or self.counts[best] <= 0:
            return None
        for i in self.holders.pop(best):
            self.add(i, -1)
            merge_in_place(self.words[i][0], best)
            self.add(i, 1)
        del self.counts[best]
        return best


def learn_merges(word_counts, count):
    learner, merges = MergeLearner(word_counts), []
    while len(merges) < count and (pair := learner.next()) is not None:
        merges.append(pair)
    return merges


def merge_in_place(symbols, pair):
    i = 0
    while i + 1 < len(symbols):
        if (symbols[i], symbols[i + 1]) == pair:
            symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
        i += 1


class Tokenizer:
    """A vocabulary of `tokens` (visible form), their `types`, and ranked `merges`."""

    def __init__(self, tokens, types, merges, factors):
        self.tokens, self.types, self.factors = tokens, types, factors
        self.merges = [tuple(m) for m in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.id = {token: i for i, token in enumerate(tokens)}
        self.specials = [t for t, kind in zip(tokens, types) if kind != NORMAL]
        self.special_pattern = regex.compile(
            "(" + "|".join(regex.escape(t) for t in sorted(self.specials, key=len, reverse=True)) + ")")
        self.bytes = [t.encode() if kind != NORMAL else from_visible(t) for t, kind in zip(tokens, types)]
        self.cache = {}

    @staticmethod
    def train(texts, intents, types, size):
        """Learns a vocabulary of `size` entries from `texts`, with one token an intent and four a slot type."""
        counts = collections.Counter(
            to_visible(word.strip()) for text in texts for word in GPT2_PATTERN.findall(" " + text))
        specials = CONTROLS + PUNCTUATION + [opening(i) for i in intents]
        specials += [form % t for t in types for form in SLOT_FORMS]
        specials.remove(COMMA)  # an ordinary byte already
        singles = [byte_alphabet()[b] for b in range(256)]
        spaced_singles = [byte_alphabet()[b] for b in range(0x21, 0x7F)]
        budget = (size - len(singles) - len(spaced_singles) - len(specials)) // 2
        merges = learn_merges(counts, budget)
        pieces = [a + b for a, b in merges]
        twins = [(SPACE, piece) for piece in spaced_singles + pieces]
        tokens = singles + pieces + [SPACE + piece for _, piece in twins] + specials
        kinds = [NORMAL] * (len(tokens) - len(specials))
        kinds += [CONTROL if t in CONTROLS else USER_DEFINED for t in specials]
        return Tokenizer(tokens, kinds, merges + twins, factorise(tokens, types))

    def save(self, path):
        with open(path, "w") as file:
            json.dump({"tokens": self.tokens, "types": self.types, "merges": self.merges, "factors": self.factors}, file)

    @staticmethod
    def load(path):
        with open(path) as file:
            return Tokenizer(**json.load(file))

    def pieces(self, pretoken, dropout=0.0):
        """Cuts one pre-token (visible form). `dropout` skips merges at random, never the one of the leading space."""
        if not dropout and pretoken in self.cache:
            return self.cache[pretoken]
        symbols = list(pretoken)
        while len(symbols) > 1:
            ranked = [(self.rank[p], p) for p in zip(symbols, symbols[1:])
                      if p in self.rank and (p[0] == SPACE or random.random() >= dropout)]
            if not ranked:
                break
            merge_in_place(symbols, min(ranked)[1])
        ids = [self.id[s] for s in symbols]
        if not dropout:
            self.cache[pretoken] = ids
        return ids

    def encode(self, text):
        """Ids of `text`; special tokens in it are recognised."""
        ids = []
        for part in self.special_pattern.split(text):
            if part in self.id and part in self.specials:
                ids.append(self.id[part])
            else:
                for pretoken in GPT2_PATTERN.findall(part):
                    ids += self.pieces(to_visible(pretoken))
        return ids

    def decode_bytes(self, ids):
        return b"".join(self.bytes[i] for i in ids if self.types[i] != CONTROL)

    def decode(self, ids):
        return self.decode_bytes(ids).decode(errors="replace")


def opening(intent):
    return '{"intent":"%s","slots":{' % intent


def factorise(tokens, types):
    """For each token (base, flag): twins with and without a space share a base, and so do a type's four forms."""
    bases, factors = {}, []
    slots = {form % t: ("slot " + t, 3 + i) for t in types for i, form in enumerate(SLOT_FORMS)}
    for token in tokens:
        if token in slots:
            name, flag = slots[token]
        elif token.startswith(SPACE) and len(token) > 1:
            name, flag = token[1:], FLAG_SPACED
        elif len(token) > 4 and ('"' in token or token.startswith("<|")):
            name, flag = "special " + token, FLAG_SPECIAL
        else:
            name, flag = token, FLAG_INNER
        factors.append((bases.setdefault(name, len(bases)), flag))
    return factors
