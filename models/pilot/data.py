"""Sentences, their JSON answers, and the augmentation that teaches a small model to copy.

A record is the dataset's own form: {"text", "intent", "entities": [{"type", "value", "start", "end"}]}.
"""

import collections
import json
import os
import random
import string

from tokenizer import (AGAIN, ANSWER, CLOSE_ARRAY, CLOSE_EMPTY, CLOSE_STRING, COMMA, END, GPT2_PATTERN, NEXT_ITEM,
                       SLOT_FORMS, SPACE, USER, opening, to_visible)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}"
    "{{ '<|user|> ' + message['content'] | trim + '<|again|> ' + message['content'] | trim }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<|answer|>' + message['content'] + '<|end|>' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|answer|>' }}{% endif %}")


def data_argument(parser):
    parser.add_argument("--data", default=os.environ.get("LINNET_DATA"), required="LINNET_DATA" not in os.environ,
                        help="folder with train.jsonl and val.jsonl (default: $LINNET_DATA)")


def read_records(folder, part):
    with open(os.path.join(folder, part + ".jsonl")) as file:
        return [json.loads(line) for line in file]


def labels(records):
    """The known intents and slot types, sorted."""
    return (sorted({r["intent"] for r in records}), sorted({e["type"] for r in records for e in r["entities"]}))


def slots_of(record):
    """Values by type in sentence order; a type's place is its first occurrence's."""
    slots = collections.OrderedDict()
    for entity in sorted(record["entities"], key=lambda e: e["start"]):
        slots.setdefault(entity["type"], []).append(entity["value"])
    return slots


def answer_json(record):
    slots = {t: v if len(v) > 1 else v[0] for t, v in slots_of(record).items()}
    return json.dumps({"intent": record["intent"], "slots": slots}, ensure_ascii=False, separators=(",", ":"))


def prompt_text(text):
    """What CHAT_TEMPLATE renders for one user message and a generation prompt."""
    return f"{USER} {text.strip()}{AGAIN} {text.strip()}{ANSWER}"


def answer_ids(record, tokenizer, encode):
    """Ids of the answer, each piece of JSON as one token; `encode` cuts a value (without leading space)."""
    ids = [tokenizer.id[opening(record["intent"])]]
    after_string = False
    for kind, values in slots_of(record).items():
        array = len(values) > 1
        ids.append(tokenizer.id[SLOT_FORMS[2 * after_string + array] % kind])
        for i, value in enumerate(values):
            ids += ([tokenizer.id[NEXT_ITEM]] if i else []) + encode(value)
        if array:
            ids.append(tokenizer.id[CLOSE_ARRAY])
            after_string = False
            ids.append(tokenizer.id[COMMA])
        else:
            after_string = True
    if ids[-1] == tokenizer.id[COMMA]:
        ids.pop()
    ids.append(tokenizer.id[CLOSE_STRING if after_string else CLOSE_EMPTY])
    return ids + [tokenizer.id[END]]


class Example:
    """One training sequence: `ids`, `targets` (-100 where no loss), `tags` on the second copy (-100 elsewhere)."""

    def __init__(self, record, tokenizer, tag_id, dropout=0.0):
        cut = {}

        def pieces(pretoken):
            # One cut a word and an example, so that both copies and the value agree under BPE dropout.
            word = pretoken.strip()
            if not word:
                return tokenizer.pieces(to_visible(pretoken))
            if word not in cut:
                cut[word] = tokenizer.pieces(to_visible(word), dropout if random.random() < 0.3 else 0.0)
            ids = cut[word]
            if pretoken == word:
                return ids
            twin = tokenizer.id.get(SPACE + tokenizer.tokens[ids[0]])
            return [tokenizer.id[SPACE], *ids] if twin is None else [twin, *ids[1:]]

        sentence, tags, offset, word_at = [], [], -1, []
        for pretoken in GPT2_PATTERN.findall(" " + record["text"]):
            ids = pieces(pretoken)
            start = offset + len(pretoken) - len(pretoken.lstrip())
            if pretoken.strip():
                word_at.append(len(sentence) + (ids[0] == tokenizer.id[SPACE] and len(ids) > 1))
            sentence += ids
            tags += tag_of(record, start, len(ids), tag_id)
            offset += len(pretoken)

        def encode(value):
            return [i for pretoken in GPT2_PATTERN.findall(value) for i in pieces(pretoken)]

        answer = answer_ids(record, tokenizer, encode)
        control = [tokenizer.id[t] for t in (USER, AGAIN, ANSWER)]
        prompt = [control[0], *sentence, control[1], *sentence, control[2]]
        self.ids = prompt + answer[:-1]
        self.targets = [-100] * (len(prompt) - 1) + answer
        self.tags = [-100] * (len(sentence) + 2) + tags + [-100] * len(answer)
        self.word_at = [len(sentence) + 2 + i for i in word_at]  # first piece of each word in the second copy


def tag_of(record, start, pieces, tag_id):
    """BIO tags of a word's pieces."""
    for entity in record["entities"]:
        if entity["start"] <= start < entity["end"]:
            begin, inside = tag_id[entity["type"]]
            return [begin if start == entity["start"] else inside] + [inside] * (pieces - 1)
    return [0] * pieces


def tag_table(types):
    """0 is outside; a type has a begin and an inside tag."""
    return {t: (1 + 2 * i, 2 + 2 * i) for i, t in enumerate(types)}


def replace_entities(record, replacement):
    """A copy of `record` in which entity i takes `replacement[i]` (None keeps it)."""
    text, cursor, entities = "", 0, []
    for entity, value in zip(record["entities"], replacement):
        text += record["text"][cursor:entity["start"]]
        value = entity["value"] if value is None else value
        entities.append({"type": entity["type"], "value": value, "start": len(text), "end": len(text) + len(value)})
        text += value
        cursor = entity["end"]
    return {**record, "text": text + record["text"][cursor:], "entities": entities}


class Augmenter:
    """Slot substitution: values move between sentences, and some become rare, kindred (words.py) or invented words."""

    def __init__(self, records, kindred=None):
        self.kindred = kindred or {}
        self.values = collections.defaultdict(set)
        self.words = sorted({w for r in records for w in r["text"].split() if w.isalpha()})
        for record in records:
            for entity in record["entities"]:
                self.values[entity["type"]].add(entity["value"])
        self.values = {t: sorted(v) for t, v in self.values.items()}
        self.open_types = [t for t, v in self.values.items() if len(v) >= 30]

    def invented_word(self):
        word = random.choice(self.words)
        if random.random() < 0.5:
            other = random.choice(self.words)
            return word[:random.randint(1, len(word))] + other[random.randint(0, len(other) - 1):]
        return word

    def value(self, kind):
        draw = random.random()
        if self.kindred.get(kind) and random.random() < 0.35:
            return " ".join(random.choice(self.values[kind]).split()[:-1][:draw < 0.3] + [random.choice(self.kindred[kind])])
        if kind in self.open_types and draw < 0.2:
            return " ".join(self.invented_word() for _ in range(random.choice((1, 1, 2, 2, 3))))
        if kind in self.open_types and draw < 0.3:
            first, second = random.choice(self.values[kind]).split(), random.choice(self.values[kind]).split()
            return " ".join((first[:-1] or first) + second[-1:])
        return random.choice(self.values[kind])

    def __call__(self, record, rate):
        if record["entities"] and random.random() < rate:
            drawn = [self.value(e["type"]) if random.random() < 0.7 else None for e in record["entities"]]
            record = replace_entities(record, drawn)
        if random.random() < 0.04:
            record = as_written(record)
        return record


def as_written(record):
    """Capitals and a final mark, as a person types and a speech recogniser does not."""
    text = record["text"]
    if text[0] in string.ascii_lowercase:
        text = text[0].upper() + text[1:]
    entities = [{**e, "value": text[e["start"]:e["end"]]} for e in record["entities"]]
    return {**record, "text": text + random.choice([".", "?", "!", ""]), "entities": entities}
