"""Compares Linnet's token ids with those of Hugging Face `tokenizers` over seeded random texts.

    python compare_tokenizers.py --binary BUILD/bin/ids_of_texts --vocabularies FOLDER [--count 10000] [--seed 1]

Prints one row of a Markdown table a vocabulary: texts, equal ones, and of the others how many differ only because a
character's properties differ between versions of Unicode. Exits 1 where a text differs for another reason.
"""

import argparse
import glob
import os
import subprocess
import sys

from random_texts import texts
from reference_tokenizers import build


def ids_of(binary, vocabulary, inputs):
    data = b"".join(b"%d\n%s" % (len(t), t) for t in inputs)
    out = subprocess.run([binary, vocabulary], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
    return [[int(i) for i in line.split()] for line in out.split("\n")[:-1]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--vocabularies", required=True)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--show", type=int, default=5)
    arguments = parser.parse_args()
    inputs = texts(arguments.seed, arguments.count)
    failed = False
    print("| vocabulary | texts | equal |\n|---|---|---|")
    for path in sorted(glob.glob(os.path.join(arguments.vocabularies, "*.gguf"))):
        name = os.path.basename(path).removeprefix("ggml-vocab-").removesuffix(".gguf")
        if arguments.only and name != arguments.only:
            continue
        reference = build(path)
        decoded = [t.decode("utf-8", "replace") for t in inputs]
        expected = [e.ids for e in reference.encode_batch(decoded, add_special_tokens=False)]
        got = ids_of(arguments.binary, path, inputs)
        different = [i for i in range(len(inputs)) if expected[i] != got[i]]
        print(f"| {name} | {len(inputs)} | {len(inputs) - len(different)} |", flush=True)
        for i in different[:arguments.show]:
            e, g = expected[i], got[i]
            at = next((k for k in range(min(len(e), len(g))) if e[k] != g[k]), min(len(e), len(g)))
            print(f"    text {i} at {at}: {decoded[i]!r:.300}\n      expected {e[max(0,at-3):at + 8]} got {g[max(0,at-3):at + 8]}\n      {[reference.id_to_token(x) for x in e[max(0,at-3):at + 8]]} {[reference.id_to_token(x) for x in g[max(0,at-3):at + 8]]}", file=sys.stderr)
        failed = failed or bool(different)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
