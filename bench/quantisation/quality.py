"""Rows of docs/quantisation.md's table of quality: what quantised files lose against the float model, by `linnet`'s own commands.

    python quality.py --linnet LINNET --reference smollm2-f32.gguf --text evaluation.jsonl FILE.gguf [...]

Perplexity: `linnet eval --metric ppl` over the first --lines lines of the text. Divergence (Kullback-Leibler, from the float
model's distribution of the next token, in nats) and how often the most likely token is the same: `linnet logits` over the first
512 tokens of each of --windows lines that are so long, the first position of each left out. Needs numpy.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import numpy

WINDOW = 512


class Command:
    """The binary, and a folder for its logits and its cache."""

    def __init__(self, path, folder):
        self.path, self.folder = path, pathlib.Path(folder)
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder)}

    def run(self, *words, text=None):
        return subprocess.run([self.path, *words], input=text, env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def perplexity(self, model, text, lines):
        report = self.run("eval", "-m", model, "--data", text, "--metric", "ppl", "--limit", str(lines), "--threads", "1", "--json")
        return json.loads(report)

    def log_probabilities(self, model, tokens):
        """float32 [tokens - 1, vocabulary], of what follows each token but the first."""
        output = self.folder / "logits.npy"
        self.run("logits", "-m", model, "--tokens", ",".join(map(str, tokens)), "-o", str(output), "--threads", "1")
        logits = numpy.load(output)[1:]
        output.unlink()
        logits -= logits.max(axis=1, keepdims=True)
        return logits - numpy.log(numpy.exp(logits).sum(axis=1, keepdims=True))


def windows_of(command, model, text, count):
    windows = []
    for line in open(text, encoding="utf-8"):
        ids = command.run("tokenize", "-m", model, text=json.loads(line)["text"]).split()
        if len(ids) >= WINDOW and len(windows) < count:
            windows.append([int(i) for i in ids[:WINDOW]])
    return windows


def compare(base, other):
    """(divergence, same most likely token), both means."""
    divergence = (numpy.exp(base) * (base - other)).sum(axis=1).mean()
    return float(divergence), float((base.argmax(axis=1) == other.argmax(axis=1)).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--lines", type=int, default=26, help="0: no perplexity")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = Command(options.linnet, folder)
        windows = windows_of(command, options.reference, options.text, options.windows)
        # Half precision: 0.4 GB for 8 windows.
        bases = [command.log_probabilities(options.reference, window).astype(numpy.float16) for window in windows]
        print("| file | bytes | perplexity | tokens | divergence | same token |\n|---|---|---|---|---|---|")
        for path in options.files:
            pairs = [compare(base.astype(numpy.float32), command.log_probabilities(path, window))
                     for base, window in zip(bases, windows)]
            divergence, same = numpy.mean(pairs, axis=0)
            score = command.perplexity(path, options.text, options.lines) if options.lines else {"perplexity": 0, "n_tokens": 0}
            print(f"| {pathlib.Path(path).name} | {os.path.getsize(path):,} | {score['perplexity']:.3f} | {score['n_tokens']:,} "
                  f"| {divergence:.4f} | {same:.4f} |", flush=True)


if __name__ == "__main__":
    main()
