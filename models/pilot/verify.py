"""Checks exported files against independent readers: logits against transformers, ids against tokenizers, the prompt
against Jinja2, and the sizes, types and checksums that the model card states.

    python verify.py --data DATA pilot-int8.gguf pilot-int4.gguf
"""

import argparse
import hashlib
import os

import gguf
import jinja2
import tokenizers
import torch

from data import answer_json, data_argument, prompt_text, read_records
from gguf_model import load_gguf, load_transformers
from tokenizer import CONTROL, NORMAL


def reference_tokenizer(tokenizer):
    vocabulary = {t: i for i, t in enumerate(tokenizer.tokens)}
    reference = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, tokenizer.merges))
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    reference.add_tokens([tokenizers.AddedToken(t, special=kind == CONTROL, normalized=False)
                          for t, kind in zip(tokenizer.tokens, tokenizer.types) if kind != NORMAL])
    return reference


def check(path, records):
    reader = gguf.GGUFReader(path)
    model, tokenizer = load_gguf(path)
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
        reader.fields["tokenizer.chat_template"].contents())
    reference = reference_tokenizer(tokenizer)
    other = load_transformers(path)
    worst = 0.0
    for i, record in enumerate(records):
        messages = [{"role": "user", "content": record["text"]}]
        prompt = template.render(messages=messages, add_generation_prompt=True)
        assert prompt == prompt_text(record["text"]), prompt
        ids = tokenizer.encode(prompt + answer_json(record))
        assert ids == reference.encode(prompt + answer_json(record), add_special_tokens=False).ids, prompt
        if i % 20 == 0:
            with torch.no_grad():
                batch = torch.tensor([ids])
                worst = max(worst, float((model(batch) - other(batch).logits).abs().max()))
    kinds = sorted({(t.tensor_type.name, len(t.shape)) for t in reader.tensors})
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    print(f"{path}: {os.path.getsize(path)} bytes, {kinds}, {len(records)} texts tokenised alike, "
          f"logits differ by at most {worst:.2e}\n{digest}")
    assert worst < 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    for path in arguments.files:
        check(path, read_records(arguments.data, "val"))


if __name__ == "__main__":
    main()
