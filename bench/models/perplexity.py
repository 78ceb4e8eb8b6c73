#!/usr/bin/env python3
"""Perplexity of a quantised SmolLM2-135M in Linnet and in llama.cpp, each beside its own of the de-quantised float32 weights.

    python perplexity.py MODEL.gguf FLOAT.gguf LINNET TEXTS.jsonl TOKENS SOURCE BUILD

Of the texts ({"text": ...} a line) the first TOKENS tokens are taken, in pieces of 2,500 characters; each piece is read by itself, from its first
token on, by all four: the same tokens, float16 caches. FLOAT is made by bench/quantisation/float_weights.py. SOURCE and BUILD as in llama_cpp.py.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

from llama_cpp import build_peer

PIECE = 2500
WINDOW = 2048  # Positions: no piece is cut, as llama.cpp is given whole ones.


def pieces(path):
    for line in pathlib.Path(path).read_text().splitlines():
        text = json.loads(line)["text"]
        yield from (text[at : at + PIECE] for at in range(0, max(1, len(text) - PIECE), PIECE))


def tokens_of(linnet, model, text):
    return subprocess.run([linnet, "tokenize", "-m", model], input=text, capture_output=True, text=True, check=True).stdout.split()


def first_pieces(linnet, model, path, tokens):
    taken, ids = [], []
    for piece in pieces(path):
        if sum(map(len, ids)) >= tokens:
            break
        taken.append(piece)
        ids.append(tokens_of(linnet, model, piece))
    return taken, ids


def ours(linnet, model, texts, folder):
    data = folder / "texts.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    command = [linnet, "eval", "-m", model, "--data", data, "--metric", "ppl", "--ctx", str(WINDOW), "--threads", "1", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(run.stdout)
    return report["perplexity"], report["n_tokens"]


def theirs(peer, model, ids, folder):
    lines = "".join(" ".join(line) + "\n" for line in ids)
    run = subprocess.run([peer, "losses", model, folder / "none", "f16"], input=lines, capture_output=True, text=True, check=True)
    count = sum(len(line) - 1 for line in ids)
    return math.exp(sum(map(float, run.stdout.split())) / count), count


def main(model, float_model, linnet, path, tokens, source, build):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peer = build_peer(pathlib.Path(source), pathlib.Path(build), folder)
        texts, ids = first_pieces(linnet, model, path, int(tokens))
        for program, measure in (("linnet", lambda file: ours(linnet, file, texts, folder)),
                                 ("llama.cpp", lambda file: theirs(peer, file, ids, folder))):
            figures = {}
            for file in (model, float_model):
                figures[file] = measure(file)
                print(f"{program} {pathlib.Path(file).name}: {figures[file][0]:.5f} over {figures[file][1]} tokens", flush=True)
            print(f"{program}: {100 * (figures[model][0] / figures[float_model][0] - 1):+.3f} %", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
