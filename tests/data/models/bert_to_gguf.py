#!/usr/bin/env python3
"""Writes a BERT encoder of Hugging Face transformers as GGUF, with the keys and tensor names of llama.cpp's conversion.

    python bert_to_gguf.py FOLDER OUT.gguf [f32|f16|q8_0]      (needs torch, transformers, gguf, numpy)

FOLDER holds config.json, the weights and vocab.txt, such as all-MiniLM-L6-v2's; the pooling is the mean.
"""
import pathlib
import sys

import gguf
import numpy as np

MEAN, CLS = 1, 2
NAMES = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm": "token_embd_norm",
}
LAYER_NAMES = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}


def gguf_name(name):
    """None for the pooler, which embeddings do not use."""
    if name.startswith("pooler."):
        return None
    if name in NAMES:
        return NAMES[name]
    stem, kind = name.rsplit(".", 1)
    if stem in NAMES:
        return f"{NAMES[stem]}.{kind}"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[rest]}.{kind}"


def gguf_token(token):
    """A token that starts a word gets the mark of a space; one that continues it loses its ##."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def write_vocabulary(writer, vocabulary, lowercase):
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([gguf_token(token) for token in vocabulary])
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    writer.add_token_types([3 if token in special else 1 for token in vocabulary])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(vocabulary.index("[CLS]"))
    writer.add_eos_token_id(vocabulary.index("[SEP]"))
    writer.add_sep_token_id(vocabulary.index("[SEP]"))
    writer.add_uint32("tokenizer.ggml.cls_token_id", vocabulary.index("[CLS]"))
    writer.add_unk_token_id(vocabulary.index("[UNK]"))
    writer.add_pad_token_id(vocabulary.index("[PAD]"))
    writer.add_mask_token_id(vocabulary.index("[MASK]"))
    writer.add_bool("tokenizer.ggml.normalizer.lowercase", lowercase)


def write_keys(writer, config, pooling, arch="bert"):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_uint32(f"{arch}.pooling_type", pooling)


def stored(name, array, kind):
    """Vectors and tables of positions and types stay float32, matrices become `kind`."""
    float_only = array.ndim == 1 or name in ("position_embd.weight", "token_types.weight")
    if float_only or kind == gguf.GGMLQuantizationType.F32:
        return array.astype(np.float32), gguf.GGMLQuantizationType.F32
    return gguf.quants.quantize(array.astype(np.float32), kind), kind


def write_model(path, model, vocabulary, pooling, kind, lowercase=True):
    writer = gguf.GGUFWriter(path, "bert")
    write_keys(writer, model.config, pooling)
    write_vocabulary(writer, vocabulary, lowercase)
    for parameter_name, parameter in model.named_parameters():
        name = gguf_name(parameter_name)
        if name is None:
            continue
        data, data_kind = stored(name, parameter.detach().numpy(), kind)
        writer.add_tensor(name, data, raw_dtype=data_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    from transformers import BertModel

    folder, output = pathlib.Path(sys.argv[1]), sys.argv[2]
    kind = gguf.GGMLQuantizationType[(sys.argv[3] if len(sys.argv) > 3 else "f32").upper()]
    model = BertModel.from_pretrained(folder).float().eval()
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    write_model(output, model, vocabulary, MEAN, kind)


if __name__ == "__main__":
    main()
