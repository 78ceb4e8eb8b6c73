"""Times Linnet and Hugging Face `tokenizers` on the same 1 MiB texts in one interleaved run.

    python compare_speed.py --binary BUILD/bin/ids_of_texts --vocabulary FILE.gguf [--repeats 5]

Prints one row of a Markdown table a text: median seconds of each, and the ratio. One thread each; the texts are a repeated
letter, a repeated space, and words of the random texts' list in random order.
"""

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from random_texts import WORDS  # noqa: E402
from reference_tokenizers import build  # noqa: E402

SIZE = 1 << 20


def words():
    rng = random.Random(1)
    out = []
    while sum(map(len, out)) + len(out) < SIZE:
        out.extend(rng.choice(WORDS) for _ in range(1000))
    return " ".join(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    reference = build(arguments.vocabulary)
    print("| 1 MiB of | Linnet | tokenizers | ratio |\n|---|---|---|---|")
    for name, text in (("words", words()), ("one letter", "a" * SIZE), ("one space", " " * SIZE)):
        ours, theirs = [], []
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            for _ in range(arguments.repeats):
                out = subprocess.run([arguments.binary, arguments.vocabulary, "--time", file.name, "1"],
                                     stdout=subprocess.PIPE, check=True).stdout.split()
                ours.append(float(out[0]))
                start = time.process_time()
                count = len(reference.encode(text, add_special_tokens=False).ids)
                theirs.append(time.process_time() - start)
                assert count == int(out[1]), (name, count, out)
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"| {name} | {a * 1e3:.0f} ms | {b * 1e3:.0f} ms | {b / a:.1f} |", flush=True)


if __name__ == "__main__":
    main()
