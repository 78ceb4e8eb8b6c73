"""The teacher: all-MiniLM-L6-v2 (Apache-2.0) with a BIO tagging head and an intent head. It labels sentences for the
pilot and ships with nothing.

    python teacher.py --data DATA --minilm FOLDER --out teacher1.pt --seed 1
"""

import argparse
import collections
import dataclasses
import random
import time

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModel, AutoTokenizer

from data import Augmenter, data_argument, labels, read_records, tag_table
from evaluate import figures, show
from tokenizer import GPT2_PATTERN


def words_of(text):
    """(word, start) of each of GPT-2's pre-tokens, without white space."""
    return [(m.group().strip(), m.end() - len(m.group().strip())) for m in GPT2_PATTERN.finditer(text) if m.group().strip()]


def word_tags(record, tag_id):
    tags = []
    for _, start in words_of(record["text"]):
        hits = [e for e in record["entities"] if e["start"] <= start < e["end"]]
        tags.append(tag_id[hits[0]["type"]][start != hits[0]["start"]] if hits else 0)
    return tags


class Teacher(nn.Module):
    def __init__(self, folder, intents, types):
        super().__init__()
        self.intents, self.types, self.tag_id = intents, types, tag_table(types)
        self.word_pieces, self.known_words = AutoTokenizer.from_pretrained(folder), {}
        # "eager" is twice as fast as "sdpa" in bfloat16 on a CPU. The word vectors stay as they are: words that no
        # training sentence holds keep their relation to those that some do, and half of the optimiser's work goes.
        self.encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                 attention_probs_dropout_prob=0.0)
        self.encoder.embeddings.word_embeddings.requires_grad_(False)
        width = self.encoder.config.hidden_size
        self.intent_head = nn.Linear(2 * width, len(intents))
        self.tag_head = nn.Linear(width, 1 + 2 * len(types))

    def known(self, word):
        """`word`, or the unknown one where the tokenizer drops all of it: each word needs a piece."""
        if word not in self.known_words:
            self.known_words[word] = word if self.word_pieces.tokenize(word) else self.word_pieces.unk_token
        return self.known_words[word]

    def encode(self, texts):
        """Padded inputs, and for each word the row and position of its first piece."""
        batch = self.word_pieces([[self.known(w) for w, _ in words_of(t)] for t in texts], is_split_into_words=True,
                                 padding=True, return_tensors="pt")
        at = []
        for row in range(len(texts)):
            words = batch.word_ids(row)
            at += [(row, i) for i, w in enumerate(words) if w is not None and w != words[i - 1]]
        return batch, torch.tensor(at).T

    def forward(self, texts):
        """(intent logits [texts, intents], tag logits [words of all texts, tags], states [words of all texts, width])."""
        batch, (rows, positions) = self.encode(texts)
        states = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        pooled = torch.cat((states[:, 0], (states * mask).sum(1) / mask.sum(1)), 1)
        words = states[rows, positions]
        pooled, dropped = F.dropout(pooled, 0.1, self.training), F.dropout(words, 0.1, self.training)
        return self.intent_head(pooled), self.tag_head(dropped), words


def transitions(types):
    """Log weights [from, to]: an inside tag follows only its own begin or inside tag; last row: the start."""
    count = 1 + 2 * len(types)
    allowed = torch.zeros(count + 1, count)
    for begin, inside in tag_table(types).values():
        allowed[:, inside] = -1e4
        allowed[begin, inside] = allowed[inside, inside] = 0
    return allowed


def best_path(logs, allowed):
    """Viterbi over tag log probabilities [words, tags]."""
    score, back = logs[0] + allowed[-1], []
    for row in logs[1:]:
        best, origin = (score[:, None] + allowed[:-1]).max(0)
        score = best + row
        back.append(origin)
    path = [int(score.argmax())]
    for origin in reversed(back):
        path.append(int(origin[path[-1]]))
    return path[::-1]


def entities_of(text, path, types):
    entities = []
    for (word, start), tag in zip(words_of(text), path):
        if tag and tag % 2:
            entities.append({"type": types[(tag - 1) // 2], "start": start, "end": start + len(word)})
        elif tag:
            entities[-1]["end"] = start + len(word)
    return [{**e, "value": text[e["start"]:e["end"]]} for e in entities]


@dataclasses.dataclass
class Judgement:
    """What the averaged teachers say of one sentence; `states` are the first teacher's."""

    intent: torch.Tensor  # probabilities [intents]
    entities: list
    sure: float  # probability of the entities' tags together
    tags: torch.Tensor  # probabilities [words, tags]
    states: torch.Tensor  # [words, width]


@torch.no_grad()
def predict(teachers, texts, batch=128):
    """A Judgement of each text."""
    types, allowed = teachers[0].types, transitions(teachers[0].types)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    results = [None] * len(texts)
    for start in range(0, len(order), batch):
        rows = order[start:start + batch]
        with torch.autocast("cpu", torch.bfloat16):
            outputs = [t.eval()([texts[i] for i in rows]) for t in teachers]
        intents = sum(o[0].float().softmax(-1) for o in outputs) / len(teachers)
        tags = sum(o[1].float().softmax(-1) for o in outputs) / len(teachers)
        counts = [len(words_of(texts[i])) for i in rows]
        for i, intent, chances, states in zip(rows, intents, tags.split(counts), outputs[0][2].split(counts)):
            logs = chances.log()
            path = best_path(logs, allowed)
            sure = float(sum(logs[k, t] for k, t in enumerate(path)).exp())
            results[i] = Judgement(intent, entities_of(texts[i], path, types), sure, chances.half(), states.half())
    return results


def measure(teachers, records):
    intents = teachers[0].intents
    answers = [(intents[int(j.intent.argmax())], collections.Counter((e["type"], e["value"]) for e in j.entities))
               for j in predict(teachers, [r["text"] for r in records])]
    return figures(records, answers)


def train(teacher, records, minutes, augment, substitute):
    """AdamW for a set time, linear decay; the encoder learns slower than the heads."""
    encoder = [p for p in teacher.encoder.parameters() if p.requires_grad]
    heads = [*teacher.intent_head.parameters(), *teacher.tag_head.parameters()]
    optimiser = torch.optim.AdamW([{"params": encoder, "lr": 3e-4}, {"params": heads, "lr": 2e-3}],
                                  weight_decay=0.01, fused=True)
    peaks = [g["lr"] for g in optimiser.param_groups]
    intent_id = {name: i for i, name in enumerate(teacher.intents)}
    start, queue, steps, teacher = time.monotonic(), [], 0, teacher.train()
    while (progress := (time.monotonic() - start) / 60 / minutes) < 1:
        if not queue:
            pool = sorted((augment(r, substitute) for r in random.sample(records, len(records))),
                          key=lambda r: len(r["text"]) + random.random() * 8)
            queue = [pool[i:i + 64] for i in range(0, len(pool), 64)]
            random.shuffle(queue)
        batch = queue.pop()
        for group, peak in zip(optimiser.param_groups, peaks):
            group["lr"] = peak * min(progress / 0.06 + 0.01, (1 - progress) / 0.94, 1)
        with torch.autocast("cpu", torch.bfloat16):
            intent, tags, _ = teacher([r["text"] for r in batch])
        truth = torch.tensor([t for r in batch for t in word_tags(r, teacher.tag_id)])
        loss = F.cross_entropy(intent.float(), torch.tensor([intent_id[r["intent"]] for r in batch]), label_smoothing=0.05)
        loss = loss + F.cross_entropy(tags.float(), truth) * 3
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
        optimiser.step()
        steps += 1
        if steps % 50 == 0:
            print(f"step {steps} {progress:.2f} loss {float(loss.detach()):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--minilm", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--substitute", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    random.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    records = read_records(arguments.data, "train")
    teacher = Teacher(arguments.minilm, *labels(records))
    train(teacher, records, arguments.minutes, Augmenter(records), arguments.substitute)
    show(f"teacher {arguments.seed}", measure([teacher], read_records(arguments.data, "val")))
    torch.save(teacher.state_dict(), arguments.out)


if __name__ == "__main__":
    main()
