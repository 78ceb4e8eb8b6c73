#!/usr/bin/env python3
"""Perplexity of a quantised SmolLM2-135M in Linnet, beside transformers in float32 on the de-quantised weights.

    python perplexity.py MODEL.gguf LINNET TEXT…

The texts (this repository's own pages will do) are cut into pieces of 2,500 characters; each is read by itself, from its first token on, by both.
Needs torch, transformers, gguf.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM

PIECE = 2500


def pieces(paths):
    for path in paths:
        text = pathlib.Path(path).read_text()
        yield from (text[at : at + PIECE] for at in range(0, len(text) - PIECE, PIECE))


@torch.no_grad()
def main(path, linnet, *texts):
    torch.set_num_threads(1)
    cut = [*pieces(texts)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as data:
        data.writelines(json.dumps({"text": piece}) + "\n" for piece in cut)
        data.flush()
        ours = json.loads(subprocess.run([linnet, "eval", "-m", path, "--data", data.name, "--metric", "ppl", "--json"],
                                         capture_output=True, text=True, check=True).stdout)
    print("linnet", ours, flush=True)
    folder, name = pathlib.Path(path).parent, pathlib.Path(path).name
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    total, count = 0.0, 0
    for piece in cut:
        ids = subprocess.run([linnet, "tokenize", "-m", path], input=piece, capture_output=True, text=True, check=True).stdout
        ids = torch.tensor([[*map(int, ids.split())]])
        logits = model(ids).logits[0, :-1].double()
        total -= torch.log_softmax(logits, -1).gather(1, ids[0, 1:, None]).sum().item()
        count += ids.shape[1] - 1
    reference = float(torch.exp(torch.tensor(total / count)))
    print(f"transformers {reference:.4f} over {count} tokens; linnet {ours['perplexity']:.4f} over {ours['n_tokens']}: "
          f"{100 * (ours['perplexity'] / reference - 1):+.3f} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
