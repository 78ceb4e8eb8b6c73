"""Compares Linnet's token ids with those of Hugging Face `tokenizers` over seeded random texts.

    python compare_tokenizers.py --binary BUILD/bin/ids_of_texts --vocabularies FOLDER [--count 10000] [--seed 1]
                                 [--only NAME] [--pre NAME,NAME…]

Prints one row of a Markdown table a vocabulary: texts, equal ones, and of the texts that are valid UTF-8 how many the
ids decode to again. With --pre the one vocabulary that --only names is cut by each of these pre-tokenizers instead of
its own, which tests the cut where no vocabulary of that model is at hand. Exits 1 where a text differs.
"""

import argparse
import glob
import os
import struct
import subprocess
import sys
import tempfile

from random_texts import texts
from reference_tokenizers import build


def answers(binary, vocabulary, inputs, *options):
    data = b"".join(b"%d\n%s" % (len(t), t) for t in inputs)
    out = subprocess.run([binary, vocabulary, *options], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
    return out.split("\n")[:-1]


def with_pre(path, name, folder):
    """A copy of a vocabulary-only GGUF whose pre-tokenizer is `name`: without tensors, nothing in it needs a place."""
    key = b"tokenizer.ggml.pre" + struct.pack("<I", 8)
    data = open(path, "rb").read()
    at = data.index(key) + len(key)
    (size,) = struct.unpack_from("<Q", data, at)
    copy = os.path.join(folder, name + ".gguf")
    with open(copy, "wb") as file:
        file.write(data[:at] + struct.pack("<Q", len(name)) + name.encode() + data[at + 8 + size:])
    return copy


def compare(title, binary, path, reference, inputs, show):
    """Prints a row; whether every text agrees."""
    decoded = [t.decode("utf-8", "replace") for t in inputs]
    expected = [e.ids for e in reference.encode_batch(decoded, add_special_tokens=False)]
    got = [[int(i) for i in line.split()] for line in answers(binary, path, inputs)]
    trips = [answer for answer in answers(binary, path, inputs, "--round-trip") if answer != "-"]
    different = [i for i in range(len(inputs)) if expected[i] != got[i]]
    print(f"| {title} | {len(inputs)} | {len(inputs) - len(different)} | {trips.count('1')} of {len(trips)} |", flush=True)
    for i in different[:show]:
        e, g = expected[i], got[i]
        at = next((k for k in range(min(len(e), len(g))) if e[k] != g[k]), min(len(e), len(g)))
        near = slice(max(0, at - 3), at + 8)
        print(f"    text {i} at {at}: {decoded[i]!r:.300}\n      expected {[reference.id_to_token(x) for x in e[near]]}"
              f"\n      got {[reference.id_to_token(x) for x in g[near]]}", file=sys.stderr)
    return not different


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--vocabularies", required=True)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--pre")
    parser.add_argument("--show", type=int, default=5)
    arguments = parser.parse_args()
    inputs = texts(arguments.seed, arguments.count)
    failed = False
    print("| vocabulary | texts | equal | decode to the text |\n|---|---|---|---|")
    for path in sorted(glob.glob(os.path.join(arguments.vocabularies, "*.gguf"))):
        name = os.path.basename(path).removeprefix("ggml-vocab-").removesuffix(".gguf")
        if arguments.only and name != arguments.only:
            continue
        if not arguments.pre:
            failed |= not compare(name, arguments.binary, path, build(path), inputs, arguments.show)
            continue
        with tempfile.TemporaryDirectory() as folder:
            for pre in arguments.pre.split(","):
                copy = with_pre(path, pre, folder)
                failed |= not compare(f"{name} cut as {pre}", arguments.binary, copy, build(path, pre), inputs, arguments.show)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
