"""Trains the pilot; runs for a set time, exports its best so far every few minutes, and resumes where it stopped.

    python train.py --data DATA --run RUN --minutes 60 [--labelled labelled.jsonl] [--start RUN/best.pt --quantized]

The schedule follows the processor time of a thread, not steps, so that a faster machine gets more of them and one that
others use gets as many, later.
"""

import argparse
import copy
import json
import math
import os
import random
import time

import numpy as np
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
    parser.add_argument("--labelled", help="what the teachers say of the training sentences and more (label.py)")
    parser.add_argument("--shares", type=float, nargs=2, default=(0.4, 0.2), metavar=("VARIED", "INVENTED"),
                        help="shares of label.py's other sentences in a batch")
    parser.add_argument("--start", help="a checkpoint to start from")
    parser.add_argument("--quantized", action="store_true", help="train through fake Q4_0 matrices and Q8_0 embeddings")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tag-layer", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--smoothing", type=float, default=0.05)
    parser.add_argument("--echo", type=float, default=0.1, help="weight of predicting the second copy")
    parser.add_argument("--states", type=float, default=0.5, help="weight of predicting the teacher's states")
    parser.add_argument("--words", help="folder of all-MiniLM-L6-v2: its word vectors start the embedding and find values")
    parser.add_argument("--substitute", type=float, default=0.5, help="share of sentences with substituted values")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the averaged weights")
    parser.add_argument("--validate", type=int, help="number of validation sentences that choose the best (default: all)")
    parser.add_argument("--export-every", type=float, default=10, help="minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Deck:
    """Records in random order, over and over."""

    def __init__(self, records):
        self.records, self.queue = records, []

    def draw(self):
        if not self.queue:
            self.queue = random.sample(self.records, len(self.records))
        return self.queue.pop()


class Source:
    """Endless batches of examples, of similar length each, from the data set and the teachers' other sentences."""

    def __init__(self, arguments, tokenizer, augment, parts, known):
        self.a, self.tokenizer, self.augment = arguments, tokenizer, augment
        self.tag_id = tag_table(known[1])
        self.decks = {part: Deck(records) for part, records in parts.items() if records}
        shares = dict(zip(("varied", "invented"), arguments.shares))
        self.weights = [shares.get(part, 1 - sum(shares.values())) for part in self.decks]
        self.batches = []

    def draw(self):
        part, = random.choices(list(self.decks), self.weights)
        drawn = self.decks[part].draw()
        record = self.augment(drawn, self.a.substitute if part == "train" else 0)
        example = Example(record, self.tokenizer, self.tag_id, dropout=0.1)
        example.soft = record.get("soft")
        example.at = [-1] * len(example.ids)  # rows of the teacher's words; it has not seen a changed sentence
        if record is drawn and record.get("words") == len(example.word_at):
            for i, position in enumerate(example.word_at):
                example.at[position] = record["at"] + i
        return example

    def __iter__(self):
        while True:
            if not self.batches:
                pool = sorted((self.draw() for _ in range(self.a.batch * 40)), key=lambda e: len(e.ids))
                self.batches = [pool[i:i + self.a.batch] for i in range(0, len(pool), self.a.batch)]
                random.shuffle(self.batches)
            yield self.batches.pop()


class TeacherWords:
    """Tag probabilities and standardised states of the words in label.py's sentences."""

    def __init__(self, path):
        arrays = np.load(path)
        self.tags, states = torch.from_numpy(arrays["tags"]), torch.from_numpy(arrays["states"])
        some = states[:20000].float()
        self.mean, self.deviation, self.states = some.mean(0), some.std(0), states

    def __getitem__(self, rows):
        return self.tags[rows].float(), (self.states[rows].float() - self.mean) / self.deviation


def pad(rows, value):
    longest = (max(map(len, rows)) + 3) // 4 * 4
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


class Loss:
    """Cross entropy of the answer, plus the tags of the second copy and its prediction (copying is learnt there), plus
    the teachers' distributions of intents and tags, and the first teacher's states.

    Probabilities are taken over the pieces of JSON, the tokens of the batch and a few hundred random others: over the
    whole vocabulary they took as much time as two layers."""

    def __init__(self, arguments, tokenizer, intents, teacher_words):
        self.smoothing, self.echo, self.states, self.teacher = (arguments.smoothing, arguments.echo, arguments.states,
                                                                teacher_words)
        self.count = len(tokenizer.tokens)
        self.special = torch.tensor([tokenizer.id[t] for t in tokenizer.specials])
        place = {int(t): i for i, t in enumerate(self.special)}
        self.openings = torch.tensor([place[tokenizer.id[opening(i)]] for i in intents])

    def candidates(self, ids):
        """(tokens taken part, place among them by token)."""
        others = torch.zeros(self.count, dtype=torch.bool)
        others[ids.flatten()] = True
        others[torch.randint(self.count, (256,))] = True
        others[self.special] = False
        chosen = torch.cat((self.special, others.nonzero().flatten()))
        place = torch.zeros(self.count, dtype=torch.long)
        place[chosen] = torch.arange(len(chosen))
        return chosen, place

    def __call__(self, model, batch):
        ids, targets, tags, at = (pad([getattr(e, k) for e in batch], v)
                                  for k, v in (("ids", 0), ("targets", -100), ("tags", -100), ("at", -1)))
        tagged, scored = tags != -100, targets != -100
        chosen, place = self.candidates(ids)  # a target is one of the ids, or the end, which is special
        ids = place[ids]
        with torch.autocast("cpu", torch.bfloat16):
            table = model.rows(chosen)
            middle, end = model.hidden(ids, table)
            logits = model.logits(end[scored], table).float()
            tag_logits, states = (h.float() for h in model.middle_heads(middle[tagged]))
            before = F.pad(tagged[:, 1:], (0, 1))
            echo_logits = model.logits(end[before], table).float()
        answer = F.cross_entropy(logits, place[targets[scored]], label_smoothing=self.smoothing)
        loss = answer + 0.3 * F.cross_entropy(tag_logits, tags[tagged], label_smoothing=0.02)
        loss = loss + self.echo * F.cross_entropy(echo_logits, ids[tagged])
        loss = loss + 0.5 * self.distill(logits, scored, batch) + self.distill_words(tag_logits, states, at[tagged])
        return loss, answer

    def distill(self, logits, scored, batch):
        rows = [i for i, e in enumerate(batch) if e.soft]
        if not rows:
            return 0.0
        counts = scored.sum(1)
        first = counts.cumsum(0) - counts  # the intent is the first token of an answer
        student = F.log_softmax(logits[first[rows]][:, self.openings], -1)
        return F.kl_div(student, torch.tensor([batch[i].soft for i in rows]), reduction="batchmean")

    def distill_words(self, tag_logits, states, at):
        known = at >= 0
        if self.teacher is None or not known.any():
            return 0.0
        tags, truth = self.teacher[at[known]]
        divergence = F.kl_div(F.log_softmax(tag_logits[known], -1), tags, reduction="batchmean")
        return 0.5 * divergence + self.states * F.mse_loss(states[known], truth)


def optimiser(model, arguments):
    tables = ("bases", "flags", "word_map")
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n not in tables]
    rest = [p for n, p in model.named_parameters() if p is not model.word_map and (p.dim() != 2 or n in tables)]
    groups = [{"params": matrices, "weight_decay": 0.1, "scale": 1.0}, {"params": rest, "weight_decay": 0.0, "scale": 1.0},
              {"params": [model.word_map], "weight_decay": 0.0, "scale": 0.2}]
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
        if arguments.validate:
            self.val = random.Random(0).sample(self.val, arguments.validate)
        parts, teacher_words = {"train": records}, None
        if arguments.labelled:
            lines = [json.loads(line) for line in open(arguments.labelled)]
            parts = {part: [r for r in lines if r["part"] == part] for part in ("train", "varied", "invented")}
            teacher_words = TeacherWords(arguments.labelled + ".npz")
        words = WordVectors(arguments.words) if arguments.words else None
        self.tokenizer = self.open_tokenizer(records, words)
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
        self.source = Source(arguments, self.tokenizer, Augmenter(records, kindred), parts, self.known)
        self.loss = Loss(arguments, self.tokenizer, self.known[0], teacher_words)
        self.steps, self.used, self.best = 0, 0.0, -1.0
        self.resume()

    def open_tokenizer(self, records, words):
        path = os.path.join(self.a.run, "tokenizer.json")
        if not os.path.exists(path):
            texts = [r["text"] for r in records] * 3 + (words.common(6000) if words else [])
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
            group["lr"] = rate_at(self.used / 60 / self.a.minutes, self.a) * group["scale"]
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
            start = time.process_time()
            loss = self.step(batch)
            self.used += (time.process_time() - start) / self.a.threads
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
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    Run(arguments).train()


if __name__ == "__main__":
    main()
