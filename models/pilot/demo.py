#!/usr/bin/python3
"""Runs the sentences of demo.jsonl through the INT4 pilot and prints what it made of them.

usage: demo.py LINNET

The labels are people's: "as labelled" means the same intent and the same entities (README.md says how often that is so).
"""
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def answer(linnet, sentence):
    """What `linnet run --json` says about one sentence; ends the demonstration with its exit code where it fails."""
    command = [linnet, "run", "-m", HERE / "pilot-int4.gguf", "-p", sentence, "--temp", "0", "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(run.returncode)
    return json.loads(run.stdout)


def entities(slots):
    """The (type, value) pairs of an answer's slots, sorted; a type that occurs twice holds an array."""
    return sorted((kind, value) for kind, values in slots.items() for value in (values if isinstance(values, list) else [values]))


def as_labelled(text, label):
    try:
        said = json.loads(text)
        return (said["intent"] == label["intent"]
                and entities(said["slots"]) == sorted((entity["type"], entity["value"]) for entity in label["entities"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    labels = [json.loads(line) for line in (HERE / "demo.jsonl").read_text().splitlines()]
    answers = []
    for label in labels:
        said = answer(sys.argv[1], label["text"])
        answers.append(said)
        print(f"{label['text']}\n  {said['text']}\n  {said['decode_tokens_per_second']:.0f} tokens/s,"
              f" first token after {said['first_token_ms']:.0f} ms"
              f" {'' if as_labelled(said['text'], label) else '(labelled otherwise)'}".rstrip(), flush=True)
    mebibytes = {key: max(said[f"{key}_bytes"] for said in answers) / 2**20 for key in ("mapped", "anonymous")}
    rate = statistics.median(said["decode_tokens_per_second"] for said in answers)
    right = sum(as_labelled(said["text"], label) for said, label in zip(answers, labels))
    print(f"\n{len(labels)} sentences, {right} as labelled; median {rate:.0f} tokens/s;"
          f" memory: {mebibytes['mapped']:.1f} MiB mapped (shared with the page cache), {mebibytes['anonymous']:.1f} MiB anonymous")


if __name__ == "__main__":
    main()
