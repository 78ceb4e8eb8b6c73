"""Greedy decoding of the pilot, free or constrained, and the dataset's figures.

    python evaluate.py --data DATA --gguf pilot-int4.gguf

`linnet eval` measures the same in the product, and the confidence beside it.
"""

import argparse
import collections
import json

import torch

from constraint import Constraint
from data import data_argument, labels, prompt_text, read_records
from tokenizer import END

LONGEST_ANSWER = 64  # tokens


class Answer:
    """One sentence's answer while it grows."""

    def __init__(self, record, tokenizer, constraint):
        self.record, self.tokenizer, self.constraint = record, tokenizer, constraint
        self.bytes, self.done = b"", False

    @property
    def text(self):
        return self.bytes.decode(errors="replace")

    def take(self, logits, ranked):
        """Appends the best token that the constraint allows; returns its id. `ranked`: ids of the most probable ones."""
        end = self.tokenizer.id[END]
        if self.done:
            return end
        if self.constraint and self.constraint.complete(self.text):
            self.done = True
            return end
        token = self.choose(logits, ranked, end)
        self.done = token == end
        if not self.done:
            self.bytes += self.tokenizer.decode_bytes([token])
        return token

    def may_take(self, token):
        """A token may end inside a character: then one of the sentence's characters must continue it."""
        piece = self.tokenizer.decode_bytes([token])
        whole = self.bytes + piece
        text = whole.decode(errors="ignore")
        tail = whole[len(text.encode()):]
        if not piece or not whole.startswith(text.encode()):
            return False
        if not tail:
            return self.constraint.allows(text)
        return any(c.encode().startswith(tail) and self.constraint.allows(text + c) for c in set(self.record["text"]))

    def choose(self, logits, ranked, end):
        if self.constraint is None:
            return ranked[0]
        for count in (len(ranked), len(logits)):
            for token in ranked if count == len(ranked) else logits.argsort(descending=True).tolist():
                if token != end and self.may_take(token):
                    return token
        raise ValueError(f"no token continues {self.text!r}")


@torch.no_grad()
def answer_all(model, tokenizer, records, constrained, known):
    """Answers to all records, batched by prompt length."""
    model.eval()
    table = model.embedding()
    answers = [Answer(r, tokenizer, Constraint(r["text"], *known) if constrained else None) for r in records]
    groups = collections.defaultdict(list)
    for answer in answers:
        prompt = tokenizer.encode(prompt_text(answer.record["text"]))
        groups[len(prompt)].append((answer, prompt))
    for group in groups.values():
        caches = [[] for _ in model.layers]
        ids, start = torch.tensor([prompt for _, prompt in group]), 0
        for _ in range(LONGEST_ANSWER):
            last = model.hidden(ids, table, start, caches)[1][:, -1]
            start += ids.shape[1]
            logits = model.logits(last, table).float()
            ranked = logits.topk(16).indices.tolist()
            ids = torch.tensor([[a.take(l, r)] for (a, _), l, r in zip(group, logits, ranked)])
            if all(a.done for a, _ in group):
                break
    return answers


def parse(text):
    """(intent, multiset of (type, value)), or None where the text is not such an object."""
    try:
        answer = json.loads(text)
        pairs = [(t, v) for t, vs in answer["slots"].items() for v in (vs if isinstance(vs, list) else [vs])]
        return answer["intent"], collections.Counter(pairs)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def figures(records, parsed):
    """The figures of `linnet eval --metric intent` for answers given as `parse` returns them."""
    counts = collections.Counter()
    for record, answer in zip(records, parsed):
        truth = collections.Counter((e["type"], e["value"]) for e in record["entities"])
        intent, pairs = answer or (None, collections.Counter())
        counts["valid"] += answer is not None
        counts["intent"] += intent == record["intent"]
        counts["exact"] += intent == record["intent"] and pairs == truth
        counts["hit"] += (pairs & truth).total()
        counts["sizes"] += pairs.total() + truth.total()
    n = len(records)
    return {"n": n, "intent_accuracy": counts["intent"] / n, "entity_f1": 2 * counts["hit"] / max(1, counts["sizes"]),
            "exact_match": counts["exact"] / n, "valid_json": counts["valid"] / n}


def is_exact(answer):
    truth = collections.Counter((e["type"], e["value"]) for e in answer.record["entities"])
    return parse(answer.text) == (answer.record["intent"], truth)


def evaluate(model, tokenizer, records, constrained, known):
    answers = answer_all(model, tokenizer, records, constrained, known)
    return figures(records, [parse(a.text) for a in answers]), answers


def show(name, result):
    shown = " ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in result.items())
    print(f"{name:24} {shown}", flush=True)


def main():
    from gguf_model import load_gguf  # only needed here

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--gguf", nargs="+", required=True)
    parser.add_argument("--activations", action="store_true", help="round inputs of matrices to 8 bits as the engine does")
    parser.add_argument("--mistakes", help="write wrong answers of the last file here")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    known = labels(read_records(arguments.data, "train"))
    records = read_records(arguments.data, "val")
    for path in arguments.gguf:
        model, tokenizer = load_gguf(path)
        if arguments.activations:
            model.set_quantization(None, None)
        for constrained in (False, True):
            result, answers = evaluate(model, tokenizer, records, constrained, known)
            show(path.split("/")[-1] + (" constrained" if constrained else " free"), result)
    if arguments.mistakes:
        with open(arguments.mistakes, "w") as file:
            for a in answers:
                if not is_exact(a):
                    print(json.dumps({"text": a.record["text"], "intent": a.record["intent"], "answer": a.text,
                                      "entities": a.record["entities"]}), file=file)


if __name__ == "__main__":
    main()
