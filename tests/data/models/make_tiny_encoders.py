#!/usr/bin/env python3
"""Makes the tiny seeded encoders of this folder and what Hugging Face transformers computes with them.

    python make_tiny_encoders.py        (needs torch, transformers, tokenizers, gguf, numpy)

For each model NAME: NAME.gguf, NAME.tokens.npy [300] int32 and NAME.hidden.npy [8, width] float32: the last hidden
states at ROWS of these tokens (300: past a page of the KV cache). NAME.embeddings.npy [sentences, width] float32 are
the embeddings of SENTENCES (sentences.txt), pooled and of length 1, from the text on.
"""
import pathlib

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, NomicBertConfig, NomicBertModel

import bert_to_gguf

HERE = pathlib.Path(__file__).parent
ROWS = [0, 1, 100, 254, 255, 256, 257, 299]
SENTENCES = ["turn the lights on", "Turn ON the light!", "what is the time", "", "a zebra \u00e9tude, then: \u4e2d",
             " ".join(["lights time"] * 60)]


# What llama.cpp's conversion calls the tensors of a layer of nomic-bert.
NOMIC = {"self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "post_attention_layernorm": "attn_output_norm", "post_mlp_layernorm": "layer_output_norm"}


def vocabulary():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = ["turn", "the", "light", "on", "what", "is", "time", "th", "wh", "##s", "##en", "##ing", "!", ",", ":"]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters if c != "s"] + words


def seeded(model, seed):
    """Weights large enough that every part shows in the outputs."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "LayerNorm.weight" in name or "layernorm.weight" in name:
            parameter.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.2 * noise
        elif "embeddings" in name:
            parameter.data = 0.5 * noise
        else:
            parameter.data = 1.1 * noise / parameter.shape[-1] ** 0.5
    return model.eval()


@torch.no_grad()
def make(name, seed, pooling, kind):
    words = vocabulary()
    config = BertConfig(vocab_size=len(words), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=80, max_position_embeddings=320, attn_implementation="eager")
    model = seeded(BertModel(config).float(), seed)
    if kind == Type.F16:  # The reference computes with what the file holds.
        for parameter in model.parameters():
            parameter.data = parameter.data.half().float()
    bert_to_gguf.write_model(HERE / f"{name}.gguf", model, words, pooling, kind)
    write_goldens(name, seed, model, words, pooling)


def nomic_tensors(model):
    """Names and arrays as the file has them: Q, K and V of a layer behind each other."""
    state = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    for name, array in state.items():
        if not name.startswith("layers."):
            yield bert_to_gguf.gguf_name(name), array
            continue
        _, layer, stem = name.rsplit(".", 1)[0].split(".", 2)
        if stem in NOMIC:
            yield f"blk.{layer}.{NOMIC[stem]}.{name.rsplit('.', 1)[1]}", array
        elif stem == "self_attn.q_proj":
            parts = [state[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            yield f"blk.{layer}.attn_qkv.weight", np.concatenate(parts)


@torch.no_grad()
def make_nomic(name, seed):
    words = vocabulary()
    config = NomicBertConfig(vocab_size=len(words), hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                             intermediate_size=80, max_position_embeddings=320, attn_implementation="eager")
    model = seeded(NomicBertModel(config).float(), seed)
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "nomic-bert")
    bert_to_gguf.write_keys(writer, config, bert_to_gguf.MEAN, "nomic-bert")
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    bert_to_gguf.write_vocabulary(writer, words, True)
    for tensor, array in nomic_tensors(model):
        writer.add_tensor(tensor, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_goldens(name, seed, model, words, bert_to_gguf.MEAN)


@torch.no_grad()
def write_goldens(name, seed, model, words, pooling):
    tokens = np.random.default_rng(seed).integers(0, len(words), 300).astype(np.int32)
    hidden = model(torch.from_numpy(tokens.astype(np.int64))[None]).last_hidden_state[0].numpy()
    np.save(HERE / f"{name}.tokens.npy", tokens)
    np.save(HERE / f"{name}.hidden.npy", hidden[ROWS].astype(np.float32))
    tokenizer = BertWordPieceTokenizer(vocab={word: i for i, word in enumerate(words)}, lowercase=True)
    embeddings = []
    for sentence in SENTENCES:
        ids = torch.tensor([tokenizer.encode(sentence).ids])
        outputs = model(ids).last_hidden_state[0].numpy()
        pooled = outputs.mean(axis=0) if pooling == bert_to_gguf.MEAN else outputs[0]
        embeddings.append(pooled / np.linalg.norm(pooled))
    np.save(HERE / f"{name}.embeddings.npy", np.array(embeddings, dtype=np.float32))


def main():
    (HERE / "sentences.txt").write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    make("bert-mean-f32", 1, bert_to_gguf.MEAN, Type.F32)
    make("bert-cls-f16", 2, bert_to_gguf.CLS, Type.F16)
    make_nomic("nomic-bert-f32", 3)


if __name__ == "__main__":
    main()
