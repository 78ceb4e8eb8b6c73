"""Invents sentences and slot values with SmolLM2-135M (Apache-2.0), shown a few of the training set at a time.

    python synthesize.py --data DATA --smollm SmolLM2-135M-Instruct.Q4_1.gguf --out invented.jsonl --minutes 15

Lines are {"intent", "text"} or {"type", "value"}; label.py lets the teacher judge them. The file is appended to.
"""

import argparse
import collections
import json
import os
import random
import time

import gguf
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from data import data_argument, labels, read_records

OPEN_TYPES = ["place_name", "person", "business_name", "event_name", "food_type", "list_name", "definition_word",
              "artist_name", "song_name", "audiobook_name", "podcast_name", "game_name", "radio_name", "movie_name",
              "news_topic", "business_type", "device_type", "date", "time", "music_genre", "podcast_descriptor",
              "order_type", "media_type", "relation", "ingredient", "playlist_name", "house_place", "color_type"]
LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789 ',.@")


def sentence_prompt(records, intent):
    topic = intent.replace("_", " ").replace("iot hue", "smart home").replace("iot wemo", "smart plug").replace("qa", "question")
    shown = random.sample(records[intent], min(10, len(records[intent])))
    return f"Things that people say to a voice assistant. Topic: {topic}.\n" + "".join(f"- {r['text']}\n" for r in shown) + "-"


def value_prompt(values, kind):
    shown = random.sample(values[kind], min(15, len(values[kind])))
    return f"A long list of different examples of: {kind.replace('_', ' ')}.\n" + "".join(f"- {v}\n" for v in shown) + "-"


def clean(line, longest):
    line = " ".join(line.strip(" -*\t").lower().split()).rstrip(".?!")
    return line if 0 < len(line.split()) <= longest and set(line) <= LETTERS else None


SMOLLM_NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
                "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
                "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def half_split(weight, heads):
    """GGUF's `llama` rotates neighbours (2 i, 2 i + 1), transformers (i, i + size / 2)."""
    return weight.view(heads, -1, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def load_smollm(path):
    """The file's weights, de-quantised to bfloat16, as a plain transformers model."""
    reader = gguf.GGUFReader(path)

    def number(name):
        return reader.fields["llama." + name].contents()

    heads = {"attn_q": number("attention.head_count"), "attn_k": number("attention.head_count_kv")}
    state = {}
    for t in reader.tensors:
        weight = torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1].tolist()).copy())
        if t.name.startswith("blk."):
            _, i, name, _ = t.name.split(".")
            weight = half_split(weight, heads[name]) if name in heads else weight
            state[f"model.layers.{i}.{SMOLLM_NAMES[name]}.weight"] = weight
        else:
            state[{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[t.name]] = weight
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    config = LlamaConfig(
        vocab_size=number("vocab_size"), hidden_size=number("embedding_length"), tie_word_embeddings=True,
        intermediate_size=number("feed_forward_length"), num_hidden_layers=number("block_count"),
        num_attention_heads=heads["attn_q"], num_key_value_heads=heads["attn_k"],
        rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": number("rope.freq_base")})
    model = LlamaForCausalLM(config)
    model.load_state_dict(state)
    return model.to(torch.bfloat16).eval()


@torch.no_grad()
def continue_list(model, tokenizer, prompt, copies, tokens):
    """Finished lines of `copies` sampled continuations of one prompt (whose keys and values are computed once)."""
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, top_p=0.95, temperature=1.0, top_k=0,
                         max_new_tokens=tokens, num_return_sequences=copies, pad_token_id=tokenizer.eos_token_id)
    for row in tokenizer.batch_decode(out[:, ids.shape[1]:], skip_special_tokens=True):
        yield from row.split("\n")[:-1]  # the last line was cut off


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--smollm", required=True, help="GGUF file of SmolLM2-135M-Instruct")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--copies", type=int, default=48)
    parser.add_argument("--only", choices=["type", "intent"], help="invent values alone, or sentences alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)
    records = read_records(arguments.data, "train")
    by_intent, values = collections.defaultdict(list), collections.defaultdict(set)
    for record in records:
        by_intent[record["intent"]].append(record)
        for entity in record["entities"]:
            values[entity["type"]].add(entity["value"])
    values = {t: sorted(v) for t, v in values.items()}
    folder, file = os.path.split(arguments.smollm)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = load_smollm(arguments.smollm)
    plan, start, count = [], time.monotonic(), 0
    with open(arguments.out, "a") as out:
        while time.monotonic() - start < 60 * arguments.minutes:
            if not plan:
                plan = [("type", t) for t in OPEN_TYPES] + [("intent", i) for i in labels(records)[0]]
                plan = [step for step in plan if arguments.only in (None, step[0])]
                random.shuffle(plan)
            what, name = plan.pop()
            prompt = sentence_prompt(by_intent, name) if what == "intent" else value_prompt(values, name)
            longest = 16 if what == "intent" else 5
            for line in continue_list(model, tokenizer, prompt, arguments.copies, 44 if what == "intent" else 32):
                if text := clean(line, longest):
                    print(json.dumps({what: name, "text" if what == "intent" else "value": text}), file=out, flush=True)
                    count += 1
            print(f"{time.monotonic() - start:.0f} s, {count} lines, last {name}", flush=True)


if __name__ == "__main__":
    main()
