"""Labels more sentences with the teachers: varied training sentences, and those that synthesize.py invented.

    python label.py --data DATA --minilm FOLDER --teachers teacher1.pt teacher2.pt --varied 40000 --out labelled.jsonl
"""

import argparse
import json
import random

import torch

from data import Augmenter, data_argument, labels, read_records
from teacher import Teacher, predict
from words import WordVectors


def load(path, folder, known):
    teacher = Teacher(folder, *known)
    teacher.load_state_dict(torch.load(path))
    return teacher.eval()


def vary(record, augment):
    """A sentence with other values and, now and then, a word less."""
    record = augment(record, 0.8)
    words = record["text"].split()
    if len(words) > 4 and random.random() < 0.2:
        del words[random.randrange(len(words))]
        return {"text": " ".join(words)}
    return record


def sure(record, entities, path_probability, intent_probability):
    """Keeps what the teachers agree on; where the labels are known from the substitution, they have to say the same."""
    if "entities" in record:
        pairs = [[(e["type"], e["start"], e["end"]) for e in es] for es in (record["entities"], entities)]
        return pairs[0] == pairs[1]
    return path_probability > 0.6 and intent_probability > 0.6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--teachers", nargs="+", required=True)
    parser.add_argument("--varied", type=int, default=40000)
    parser.add_argument("--invented", help="output of synthesize.py")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    random.seed(7)
    records = read_records(arguments.data, "train")
    known = labels(records)
    augment = Augmenter(records, WordVectors(arguments.minilm).kindred(records))
    sentences = [vary(random.choice(records), augment) for _ in range(arguments.varied)]
    if arguments.invented:
        lines = [json.loads(line) for line in open(arguments.invented)]
        sentences += [{"text": line["text"]} for line in lines if "text" in line]
    sentences = list({r["text"]: r for r in sentences}.values())
    teachers = [load(path, arguments.minilm, known) for path in arguments.teachers]
    kept = 0
    with open(arguments.out, "w") as out:
        for record, (soft, entities, path) in zip(sentences, predict(teachers, [r["text"] for r in sentences])):
            if sure(record, entities, path, float(soft.max())):
                line = {"text": record["text"], "intent": known[0][int(soft.argmax())], "entities": entities,
                        "soft": [round(p, 4) for p in soft.tolist()]}
                print(json.dumps(line), file=out)
                kept += 1
    print(f"kept {kept} of {len(sentences)}")


if __name__ == "__main__":
    main()
