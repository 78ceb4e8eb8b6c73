"""Writes what the teachers say of the training sentences, of variations of them, and of those that synthesize.py
invented: OUT holds a record a line, OUT.npz the tag probabilities and the first teacher's state of each word.

    python label.py --data DATA --minilm FOLDER --teachers teacher1.pt teacher2.pt --varied 24000 --out labelled.jsonl
"""

import argparse
import collections
import json
import random

import numpy as np
import torch

from data import Augmenter, data_argument, labels, read_records
from evaluate import show
from teacher import Teacher, measure, predict
from words import WordVectors


def load(path, folder, known):
    teacher = Teacher(folder, *known)
    teacher.load_state_dict(torch.load(path))
    return teacher.eval()


class Varier:
    """A sentence with other values and, now and then, a word less or some words exchanged for near ones."""

    def __init__(self, records, words):
        self.augment = Augmenter(records, words.kindred(records))
        self.near = words.neighbours(sorted({w for r in records for w in r["text"].split()}))

    def __call__(self, record):
        record = self.augment(record, 0.8)
        words = record["text"].split()
        draw = random.random()
        if draw < 0.45:
            words = [random.choice(self.near[w]) if w in self.near and random.random() < 0.2 else w for w in words]
        if len(words) > 4 and draw < 0.2:
            del words[random.randrange(len(words))]
        text = " ".join(words)
        return record if text == record["text"] else {"text": text}


def keep(record, judged):
    """Where the labels are known from the substitution, the teachers have to find the same ones."""
    if "entities" not in record:
        return judged.sure > 0.4 and float(judged.intent.max()) > 0.4
    places = [[(e["type"], e["start"], e["end"]) for e in es] for es in (record["entities"], judged.entities)]
    return sorted(places[0]) == sorted(places[1])


def sentences_of(arguments, records):
    """Records of the data set, then varied and invented ones, each with its "part"; no text twice."""
    vary = Varier(records, WordVectors(arguments.minilm))
    known = {r["text"] for r in records}
    more = [{**vary(random.choice(records)), "part": "varied"} for _ in range(arguments.varied)]
    if arguments.invented:
        lines = [json.loads(line) for line in open(arguments.invented)]
        more += [{"text": line["text"], "part": "invented"} for line in lines if "text" in line]
    more = {r["text"]: r for r in more if r["text"] not in known}
    return [{**r, "part": "train"} for r in records] + list(more.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--teachers", nargs="+", required=True)
    parser.add_argument("--varied", type=int, default=24000)
    parser.add_argument("--invented", help="output of synthesize.py")
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    random.seed(7)
    records = read_records(arguments.data, "train")
    known = labels(records)
    teachers = [load(path, arguments.minilm, known) for path in arguments.teachers]
    show("the teachers together", measure(teachers, read_records(arguments.data, "val")))
    sentences, states, tags, rows = sentences_of(arguments, records), [], [], 0
    kept = collections.Counter()
    with open(arguments.out, "w") as out:
        for record, judged in zip(sentences, predict(teachers, [r["text"] for r in sentences])):
            if record["part"] != "train":
                if not keep(record, judged):
                    continue
                record = {"text": record["text"], "part": record["part"], "intent": known[0][int(judged.intent.argmax())],
                          "entities": judged.entities}
            line = {**record, "soft": [round(p, 4) for p in judged.intent.tolist()], "at": rows, "words": len(judged.tags)}
            print(json.dumps(line), file=out)
            states.append(judged.states)
            tags.append(judged.tags)
            rows += len(judged.tags)
            kept[record["part"]] += 1
    np.savez(arguments.out + ".npz", states=torch.cat(states).numpy(), tags=torch.cat(tags).numpy())
    print(f"kept {dict(kept)} of {len(sentences)}")


if __name__ == "__main__":
    main()
