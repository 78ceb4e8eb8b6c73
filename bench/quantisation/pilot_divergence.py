"""How far quantised files of the pilot are from its float32 file while they answer: finer than exact match, which moves by whole sentences.

    python pilot_divergence.py --linnet LINNET --reference pilot-f32.gguf --data FOLDER-WITH-val.jsonl FILE.gguf [...]

Mean Kullback-Leibler divergence of the next token's distribution from the float model's, in nats, over the answers (as labelled)
to every tenth validation sentence, 90 in all; by `linnet logits`. Needs numpy and gguf.
"""
import argparse
import os
import pathlib
import re
import sys
import tempfile

import gguf
import numpy

from quality import Command

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models/pilot"))
from data import answer_json, read_records  # noqa: E402

ANSWER = "<|answer|>"


def prompts(data):
    """The chat template's text with the labelled answer."""
    for record in read_records(pathlib.Path(data), "val")[::10][:90]:
        text = record["text"].strip()
        yield f"<|user|> {text}<|again|> {text}{ANSWER}{answer_json(record)}"


def tokens_of(command, model, known, text):
    """`linnet tokenize` takes special tokens in a text for text, so they are cut out before."""
    ids = []
    for part in re.split(r"(<\|\w+\|>)", text):
        if part in known:
            ids.append(known[part])
        elif part:
            ids += [int(i) for i in command.run("tokenize", "-m", model, "--no-special", text=part).split()]
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", required=True)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    names = gguf.GGUFReader(options.reference).get_field("tokenizer.ggml.tokens").contents()
    known = {name: i for i, name in enumerate(names)}
    with tempfile.TemporaryDirectory() as folder:
        command = Command(options.linnet, folder)
        texts = [tokens_of(command, options.reference, known, text) for text in prompts(options.data)]

        def answers(model):
            # log_probabilities leaves out the first position.
            return numpy.concatenate([command.log_probabilities(model, ids)[ids.index(known[ANSWER]) - 1:] for ids in texts])

        base = answers(options.reference)
        for path in options.files:
            divergence = (numpy.exp(base) * (base - answers(path))).sum(axis=1).mean()
            print(f"| {pathlib.Path(path).name} | {os.path.getsize(path):,} | {divergence:.5f} |", flush=True)
        print(f"{len(base)} positions")


if __name__ == "__main__":
    main()
