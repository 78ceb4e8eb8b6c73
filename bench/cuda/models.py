#!/usr/bin/env python3
"""Whole models on a GPU beside the processor of the same machine: logits, greedy answers, speed, a profile. run.sh calls it.

    models.py BUNDLE OUT.json [--device cuda] [--shapes LIST] [--limits kernels.json]

BUNDLE is what bundle.sh packs: bin/linnet, models/*.gguf (small, with known contents) and models/pilot/*. Models of real
shapes are made here with random weights, one at a time. Prints one table, writes all figures as JSON. Exits with 1 where a
logit or an answer is not the processor's.
"""
import argparse
import array
import ast
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

TYPES = ("q4_0", "q8_0")
PROMPT = 2048
GENERATE = 128
DEPTH = 4096
SENTENCES = 6
TOKENS = ",".join(str(3 + i * 7 % 40) for i in range(24))  # Any: the models' vocabularies have at least 43.

# Largest difference of a logit: sums in another order and, with matrices of floats in many rows, f16. Where activations
# are rounded to int8, what one sum turned the other way is a 127th of a block (tests/engine/cuda/logits_test.cc).
LOGITS = dict.fromkeys(("llama-f16", "mistral-f32", "llama-q4_0", "qwen2-q4_1", "qwen3-q8_0"), 1e-2)


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--device", default="cuda", help="what is compared with the processor and measured (default: cuda)")
    parser.add_argument("--shapes", default="qwen2.5-0.5b,qwen2.5-1.5b,deepseek-r1-distill-qwen-7b", metavar="LIST")
    parser.add_argument("--limits", type=pathlib.Path, metavar="FILE", help="figures of cuda_bench: the copy bandwidth is one")
    return parser.parse_args(words)


class Linnet:
    """The command under test, on a device."""

    def __init__(self, program, device):
        self.program = program
        self.device = device

    def run(self, *words, device=None, **environment):
        chosen = [] if words[0] == "make-model" else ["--device", device or self.device]
        done = subprocess.run([self.program, *map(str, words), *chosen], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=os.environ | environment)
        if done.returncode != 0:
            told = done.stderr.decode().strip().splitlines() or [f"ended with {done.returncode}"]
            raise SystemExit(f"models.py: linnet {' '.join(map(str, words))}: {told[-1]}")
        return done.stdout.decode()

    def json(self, *words, device=None, **environment):
        return json.loads(self.run(*words, "--json", device=device, **environment))


def floats_of(path):
    """The numbers of a float32 NPY file."""
    raw = path.read_bytes()
    length = struct.unpack("<H", raw[8:10])[0]
    header = ast.literal_eval(raw[10:10 + length].decode())
    if header["descr"] != "<f4":
        raise SystemExit(f"models.py: {path}: {header['descr']} instead of <f4")
    return array.array("f", raw[10 + length:])


def compare_logits(linnet, bundle, scratch):
    """Per model the largest difference, and what is allowed."""
    rows = []
    for name, allowed in LOGITS.items():
        found = []
        for device in ("cpu", linnet.device):
            out = scratch / f"{device}.npy"
            linnet.run("logits", "-m", bundle / f"models/{name}.gguf", "--tokens", TOKENS, "-o", out, "--no-cache", device=device)
            found.append(floats_of(out))
        difference = max(abs(a - b) for a, b in zip(*found, strict=True))
        rows.append({"model": name, "difference": difference, "allowed": allowed, "ok": difference <= allowed})
    return rows


def compare_answers(linnet, bundle):
    """Greedy answers of the pilot to sentences of people, in its form: the same tokens?"""
    sentences = [json.loads(line)["text"] for line in (bundle / "models/pilot/demo.jsonl").read_text().splitlines()]
    rows = []
    for name in ("pilot-int8", "pilot-int4"):
        for sentence in sentences[:SENTENCES]:
            words = ("run", "-m", bundle / f"models/pilot/{name}.gguf", "-p", sentence, "-n", 64, "--no-cache")
            answers = [linnet.json(*words, device=device)["tokens"] for device in ("cpu", linnet.device)]
            rows.append({"model": name, "prompt": sentence, "tokens": len(answers[0]), "ok": answers[0] == answers[1]})
    return rows


def bytes_a_token(report):
    return sum(row["bytes"] for row in report["profile"]["decode"]) / GENERATE


def measure(linnet, shape, kind, scratch, copy):
    """Speeds of one shape, with the operations' times apart: a profile waits for each of them."""
    model = scratch / "model.gguf"
    linnet.run("make-model", "--like", shape, "--type", kind, "-o", model)
    words = ("bench", "-m", model, "-p", PROMPT, "-n", GENERATE, "--no-limits", "--no-cache")
    speed = linnet.json(*words, "-r", 3)
    halves = linnet.json(*words, "-r", 3, LINNET_CUDA_PROMPTS="f16")
    in_turn = linnet.json(*words, "-r", 3, LINNET_CUDA_EARLY="off")
    profile = linnet.json(*words, "-r", 1, "--profile")
    deep = {kept: linnet.json("bench", "-m", model, "-p", 1, "-n", GENERATE // 2, "-d", DEPTH, "-r", 1, "--no-limits", "--no-cache",
                              "--kv-cache", kept)["decode_tokens_per_second"] for kept in ("f16", "q8")}
    model.unlink()
    decode = speed["decode_tokens_per_second"]
    return {"shape": shape, "type": kind, "device": speed["device"], "reason": speed["device_reason"],
            "prefill_tokens_per_second": speed["prefill_tokens_per_second"], "decode_tokens_per_second": decode,
            "prefill_in_f16": halves["prefill_tokens_per_second"], "decode_without_early_starts": in_turn["decode_tokens_per_second"],
            "decode_at_depth": deep, "bytes_a_token": bytes_a_token(profile),
            "decode_share_of_copy": decode * bytes_a_token(profile) / copy if copy else None, "profile": profile["profile"]}


def copy_bandwidth(path):
    """Bytes a second (read and written), of the limits that cuda_bench measured; None without them."""
    if path is None or not path.exists():
        return None
    return next((row["rate"] * 1e9 for row in json.loads(path.read_text()) if row["what"] == "limit: copy"), None)


def print_table(figures):
    for row in figures["logits"]:
        print(f"logits {row['model']:14} largest difference {row['difference']:.1e} of {row['allowed']:.0e}"
              + ("" if row["ok"] else "   NOT the processor's"))
    same = sum(row["ok"] for row in figures["answers"])
    print(f"greedy answers of the pilot: {same} of {len(figures['answers'])} are the processor's")
    print(f"\n{'':34}  prefill {PROMPT}: int8, f16  decode {GENERATE}: early, in turn  of copy  at depth {DEPTH}: f16, q8   (tokens/s)")
    for row in figures["speed"]:
        share = f"{row['decode_share_of_copy']:6.2f}" if row["decode_share_of_copy"] else "     -"
        print(f"{row['shape'] + ' ' + row['type']:34}  {row['prefill_tokens_per_second']:12.0f}, {row['prefill_in_f16']:.0f}  "
              f"{row['decode_tokens_per_second']:12.1f}, {row['decode_without_early_starts']:.1f}  {share}  {row['decode_at_depth']['f16']:10.1f}, {row['decode_at_depth']['q8']:.1f}")
    for row in figures["speed"]:
        top = ", ".join(f"{op['operation']} {op['share']:.2f}" for op in row["profile"]["decode"][:6])
        print(f"decode of {row['shape']} {row['type']}, shares of an operation's time: {top}")


def main(words):
    arguments = parse_arguments(words)
    linnet = Linnet(arguments.bundle / "bin/linnet", arguments.device)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        figures = {"logits": compare_logits(linnet, arguments.bundle, scratch),
                   "answers": compare_answers(linnet, arguments.bundle), "speed": []}
        copy = copy_bandwidth(arguments.limits)
        for shape in filter(None, arguments.shapes.split(",")):
            for kind in TYPES:
                figures["speed"].append(measure(linnet, shape, kind, scratch, copy))
                arguments.out.write_text(json.dumps(figures, indent=1) + "\n")  # A run that is cut short has told something.
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n")
    print_table(figures)
    return 0 if all(row["ok"] for row in figures["logits"] + figures["answers"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
