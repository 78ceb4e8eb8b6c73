"""Trains the pilot; runs for a set time, exports its best so far every few minutes, and resumes where it stopped.

    python train.py --data DATA --run RUN --minutes 60 [--extra labelled.jsonl] [--start RUN/best.pt --quantized]

The schedule follows the time used, not steps, so that a busy machine ends at the same time with the same cool-down.
"""

import argparse
import copy
import json
import math
import os
import random
import time

import torch
import torch.nn.functional as F

from data import Augmenter, Example, data_argument, labels, read_records, tag_table
from evaluate import evaluate, show
from model import Config, Pilot
from tokenizer import Tokenizer, opening
from words import WordVectors


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--run", required=True, help="folder of tokenizer, checkpoints and log")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--extra", help="more sentences with a teacher's labels (label.py)")
    parser.add_argument("--extra-share", type=float, default=0.6, help="share of --extra in a batch")
    parser.add_argument("--soft", help="teacher's intent probabilities of the training sentences (label.py)")
    parser.add_argument("--start", help="a checkpoint to start from")
    parser.add_argument("--quantized", action="store_true", help="train through fake Q4_0 matrices and Q8_0 embeddings")
    parser.add_argument("--vocabulary", type=int, default=5120)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tag-layer", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--smoothing", type=float, default=0.05)
    parser.add_argument("--echo", type=float, default=0.1, help="weight of predicting the second copy")
    parser.add_argument("--words", help="folder of all-MiniLM-L6-v2: its word vectors start the embedding and find values")
    parser.add_argument("--substitute", type=float, default=0.5, help="share of sentences with substituted values")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the averaged weights")
    parser.add_argument("--export-every", type=float, default=10, help="minutes")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Source:
    """Endless batches of examples, of similar length each, from the data set and the extra sentences."""

    def __init__(self, arguments, tokenizer, augment, records, extra, known):
        self.a, self.tokenizer, self.records, self.extra = arguments, tokenizer, records, extra
        self.tag_id = tag_table(known[1])
        self.augment = augment
        self.queue, self.extra_queue, self.batches = [], [], []

    def draw(self):
        use_extra = self.extra and random.random() < self.a.extra_share
        queue, pool = (self.extra_queue, self.extra) if use_extra else (self.queue, self.records)
        if not queue:
            queue[:] = random.sample(pool, len(pool))
        record = self.augment(queue.pop(), self.a.substitute * (0.3 if use_extra else 1))
        example = Example(record, self.tokenizer, self.tag_id, dropout=0.1)
        example.soft = record.get("soft")
        return example

    def __iter__(self):
        while True:
            if not self.batches:
                pool = sorted((self.draw() for _ in range(self.a.batch * 40)), key=lambda e: len(e.ids))
                self.batches = [pool[i:i + self.a.batch] for i in range(0, len(pool), self.a.batch)]
                random.shuffle(self.batches)
            yield self.batches.pop()


def pad(rows, value):
    longest = (max(map(len, rows)) + 3) // 4 * 4
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


class Loss:
    """Cross entropy of the answer, plus the tags of the second copy and its prediction (copying is learnt there), plus
    the teacher's intent distribution."""

    def __init__(self, arguments, tokenizer, intents):
        self.smoothing, self.echo = arguments.smoothing, arguments.echo
        self.openings = torch.tensor([tokenizer.id[opening(i)] for i in intents])

    def __call__(self, model, batch):
        ids, targets, tags = (pad([getattr(e, k) for e in batch], v)
                              for k, v in (("ids", 0), ("targets", -100), ("tags", -100)))
        tagged = tags != -100
        with torch.autocast("cpu", torch.bfloat16):
            table = model.embedding()
            middle, end = model.hidden(ids, table)
            logits = model.logits(end[targets != -100], table).float()
            tag_logits = model.tags(middle[tagged]).float()
            before = F.pad(tagged[:, 1:], (0, 1))
            echo_logits = model.logits(end[before], table).float() if self.echo else None
        answer = F.cross_entropy(logits, targets[targets != -100], label_smoothing=self.smoothing)
        loss = answer + 0.3 * F.cross_entropy(tag_logits, tags[tags != -100], label_smoothing=0.02)
        if self.echo:
            loss = loss + self.echo * F.cross_entropy(echo_logits, ids[tagged])
        return loss + 0.5 * self.distill(logits, targets, batch), answer

    def distill(self, logits, targets, batch):
        rows = [i for i, e in enumerate(batch) if e.soft]
        if not rows:
            return 0.0
        counts = (targets != -100).sum(1)
        first = counts.cumsum(0) - counts  # the intent is the first token of an answer
        student = F.log_softmax(logits[first[rows]][:, self.openings], -1)
        return F.kl_div(student, torch.tensor([batch[i].soft for i in rows]), reduction="batchmean")


def optimiser(model, arguments):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n not in ("bases", "flags")]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or n in ("bases", "flags")]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=arguments.rate, betas=(0.9, 0.98), eps=1e-8, fused=True)


def rate_at(progress, arguments):
    """Warm up over 3 % of the time, then a cosine down to 2 %."""
    if progress < 0.03:
        return arguments.rate * max(progress, 0.001) / 0.03
    return arguments.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - 0.03) / 0.97)))


class Run:
    def __init__(self, arguments):
        self.a = arguments
        os.makedirs(arguments.run, exist_ok=True)
        random.seed(arguments.seed)
        torch.manual_seed(arguments.seed)
        records = read_records(arguments.data, "train")
        self.val = read_records(arguments.data, "val")
        self.known = labels(records)
        if arguments.soft:
            for record, line in zip(records, open(arguments.soft), strict=True):
                record["soft"] = json.loads(line)["soft"]
        extra = [json.loads(line) for line in open(arguments.extra)] if arguments.extra else []
        self.tokenizer = self.open_tokenizer(records, extra)
        words = WordVectors(arguments.words) if arguments.words else None
        config = Config(layers=arguments.layers, tag_layer=arguments.tag_layer, dropout=arguments.dropout)
        self.model = Pilot(config, self.tokenizer.factors, 1 + 2 * len(self.known[1]))
        if words:
            print(words.start(self.model, self.tokenizer), "base vectors start from MiniLM's", flush=True)
        if arguments.start:
            self.model.load_state_dict(torch.load(arguments.start)["model"])
        if arguments.quantized:
            self.model.set_quantization("q4_0", "q8_0")
        self.average = copy.deepcopy(self.model).eval()
        self.optimiser = optimiser(self.model, arguments)
        kindred = words.kindred(records) if words else {}
        self.source = Source(arguments, self.tokenizer, Augmenter(records, kindred), records, extra, self.known)
        self.loss = Loss(arguments, self.tokenizer, self.known[0])
        self.steps, self.used, self.best = 0, 0.0, -1.0
        self.resume()

    def open_tokenizer(self, records, extra):
        path = os.path.join(self.a.run, "tokenizer.json")
        if not os.path.exists(path):
            texts = [r["text"] for r in records] * 3 + [r["text"] for r in extra]
            Tokenizer.train(texts, *self.known, self.a.vocabulary).save(path)
        return Tokenizer.load(path)

    def resume(self):
        path = os.path.join(self.a.run, "last.pt")
        if os.path.exists(path):
            state = torch.load(path)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.steps, self.used, self.best = state["steps"], state["used"], state["best"]

    def save(self):
        """Evaluates the averaged weights, keeps them if they are the best, and writes what a resumption needs."""
        result, _ = evaluate(self.average, self.tokenizer, self.val, True, self.known)
        show(f"{self.used / 60:.1f} min {self.steps} steps", result)
        if result["exact_match"] >= self.best:
            self.best = result["exact_match"]
            state = {"model": self.average.state_dict(), "config": vars(self.model.config), "figures": result}
            torch.save(state, os.path.join(self.a.run, "best.pt"))
        torch.save({"model": self.model.state_dict(), "average": self.average.state_dict(),
                    "optimiser": self.optimiser.state_dict(), "steps": self.steps, "used": self.used,
                    "best": self.best}, os.path.join(self.a.run, "last.pt"))

    def step(self, batch):
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.used / 60 / self.a.minutes, self.a)
        self.model.train()
        loss, answer = self.loss(self.model, batch)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        decay = min(self.a.average, self.steps / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)
        return float(answer.detach())

    def train(self):
        saved = self.used
        for batch in self.source:
            start = time.monotonic()
            loss = self.step(batch)
            self.used += time.monotonic() - start
            if self.steps % 50 == 0:
                print(f"step {self.steps} used {self.used:.0f} s (processor {time.process_time():.0f} s) "
                      f"loss {loss:.4f}", flush=True)
            ends = self.used >= 60 * self.a.minutes
            if ends or self.used - saved >= 60 * self.a.export_every:
                self.save()
                saved = self.used
            if ends:
                break


def main():
    torch.set_num_threads(2)
    Run(parse_arguments()).train()


if __name__ == "__main__":
    main()
