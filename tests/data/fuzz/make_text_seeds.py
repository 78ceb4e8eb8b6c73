"""Writes the seeds of the fuzz targets of runtime/text: small vocabularies, grammars and texts.

    python make_text_seeds.py        (needs the PyPI package gguf for the vocabulary files)
"""

import hashlib
import os

import numpy
from gguf import GGUFWriter

HERE = os.path.dirname(os.path.abspath(__file__))
BYTES = [chr(b) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or 0xAE <= b <= 0xFF else None for b in range(256)]
_next = 0x100
for _b in range(256):
    if BYTES[_b] is None:
        BYTES[_b] = chr(_next)
        _next += 1

PRE = ["gpt-2", "default", "llama-bpe", "qwen2", "qwen35", "deepseek-llm", "deepseek-coder", "deepseek-v3", "smollm",
       "falcon", "tekken", "gpt-4o", "viking", "bailingmoe", "seed-coder", "minicpm5"]
MERGES = ["h e", "l l", "he ll", "hell o", "\u0120 w", "\u0120w o", "1 2", "\u010a \u010a"]
TEXT = "hello world 123'LL  \n\n\u00e9\u5b57\U0001f600 <|im_end|><tool> a\u0301\u0323".encode() + b"\xff\xe2\x82z"

GRAMMARS = [
    ('root ::= "a" | "b" root "c"', "", b"abcabc"),
    ('root ::= "{\\"" %copy-words "\\"}"', "turn the \"light\" off", b"012345"),
    ('root ::= ([a-z]{2,3} | [^\\x00-\\x7f]+ | .)* "12"?\n# end', "", b"zyxwv"),
    ('root ::= list\nlist ::= "[" (item ("," item)*)? "]"\nitem ::= "\\u00e9" | list | %copy-words-raw', "ab c", b"!!!"),
    ('root ::= root "a"', "", b""),
    ('root ::= (("a"?)*)+ x{0,}\nx ::= "" | "b"', "", b"abab"),
]


def save(folder, data):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, hashlib.sha1(data).hexdigest()), "wb") as file:
        file.write(data)


def vocabulary_lines(model, pre, tokens, merges):
    return "\n".join([model, pre, *tokens, "", *merges, ""]).encode() + b"\n" + TEXT


def tokenizer_seeds():
    whole = ["1" + c for c in BYTES] + ["1" + m.replace(" ", "") for m in MERGES] + ["3<|im_end|>", "4<tool>"]
    for pre in PRE:
        save("tokenizer", vocabulary_lines("gpt2", pre, whole, MERGES))
    pieces = ["3<s>", "2<unk>", "1\u2581", "1\u2581h", "1he", "1l", "1o", "1lo", "1hello", "6<0x41>", "6<0xE2>", "6<0x-1>",
              "4<tool>", "5unused", "1\u5b57"]
    save("tokenizer", vocabulary_lines("llama", "", pieces, []))
    save("tokenizer", vocabulary_lines("gemma4", "", pieces, ["h e", "l o", "\u2581 h", "l l"]))
    save("tokenizer", vocabulary_lines("bert", "", ["2[UNK]", "1\u2581hello", "1\u2581w", "1orld", "1\u25811", "123"], []))


def grammar_seeds():
    for grammar, source, choices in GRAMMARS:
        save("grammar", grammar.encode() + b"\0" + source.encode() + b"\0" + choices)


def vocabulary_seeds():
    for model, pre in (("gpt2", "gpt-2"), ("llama", "default"), ("bert", "bert-bge")):
        path = os.path.join(HERE, "vocabulary.tmp")
        writer = GGUFWriter(path, "llama")
        writer.add_tokenizer_model(model)
        writer.add_tokenizer_pre(pre)
        tokens = ["a", "b", "ab", "\u2581a", "<0x41>", "<|im_end|>"]
        writer.add_token_list(tokens)
        writer.add_token_types([1, 1, 1, 1, 6, 3])
        writer.add_token_scores([-float(i) for i in range(len(tokens))])
        writer.add_token_merges(["a b"])
        writer.add_eos_token_id(5)
        writer.add_tensor("x", numpy.zeros(1, dtype=numpy.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with open(path, "rb") as file:
            save("vocabulary", file.read())
        os.remove(path)


SCHEMAS = [
    '{"type":"object","required":["b"],"properties":{"a":{"type":"integer","minimum":-3},"b":{"enum":["x",null,[1]]}}}',
    '{"type":"array","prefixItems":[{"const":1}],"minItems":1,"items":{"type":"string","format":"date-time"}}',
    '{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/n"}}]}}}',
    '{"type":["string","number"],"pattern":"^(?:[a-z]{2,3}|\\\\d+[^\\\\w])$|x.","exclusiveMaximum":7}',
    '{"oneOf":[{"properties":{"k":{"const":"a"}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]}',
]


def schema_seeds():
    for schema in SCHEMAS:
        save("schema", schema.encode())


schema_seeds()
tokenizer_seeds()
grammar_seeds()
vocabulary_seeds()
