"""Reads an exported file back: into this folder's network, and into `transformers`."""

import gguf
import numpy as np
import torch

from model import Config, Pilot
from tokenizer import FLAG_INNER, Tokenizer


def read_weights(reader):
    """De-quantised float32 tensors by GGUF name."""
    return {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32).reshape(
        tuple(reversed(t.shape.tolist())))) for t in reader.tensors}


def read_tokenizer(reader):
    def field(name):
        return reader.fields[name].contents()

    merges = [m.split(" ") for m in field("tokenizer.ggml.merges")]
    tokens = field("tokenizer.ggml.tokens")
    return Tokenizer(tokens, field("tokenizer.ggml.token_type"), merges, [(i, FLAG_INNER) for i in range(len(tokens))])


def read_config(reader):
    def number(name):
        return reader.fields["qwen2." + name].contents()

    return Config(width=number("embedding_length"), hidden=number("feed_forward_length"), layers=number("block_count"),
                  heads=number("attention.head_count"), kv_heads=number("attention.head_count_kv"),
                  context=number("context_length"), rope_base=number("rope.freq_base"),
                  epsilon=number("attention.layer_norm_rms_epsilon"))


def load_gguf(path):
    """(Pilot, Tokenizer) of a file."""
    reader = gguf.GGUFReader(path)
    weights, tokenizer = read_weights(reader), read_tokenizer(reader)
    model = Pilot(read_config(reader), tokenizer.factors, 1).eval()
    with torch.no_grad():
        model.bases.copy_(weights["token_embd.weight"])
        model.flags.zero_()
        model.norm.copy_(weights["output_norm.weight"])
        for i, layer in enumerate(model.layers):
            def w(name, i=i):
                return weights[f"blk.{i}.{name}"]

            layer.attention_norm.copy_(w("attn_norm.weight"))
            layer.qkv.weight.copy_(torch.cat([w(f"attn_{n}.weight") for n in "qkv"]))
            layer.qkv.bias.copy_(torch.cat([w(f"attn_{n}.bias") for n in "qkv"]))
            layer.out.weight.copy_(w("attn_output.weight"))
            layer.feed_norm.copy_(w("ffn_norm.weight"))
            layer.gate_up.weight.copy_(torch.cat([w("ffn_gate.weight"), w("ffn_up.weight")]))
            layer.down.weight.copy_(w("ffn_down.weight"))
    return model, tokenizer


HF_NAMES = {"attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight",
            "attn_output.weight": "self_attn.o_proj.weight", "ffn_gate.weight": "mlp.gate_proj.weight",
            "ffn_up.weight": "mlp.up_proj.weight", "ffn_down.weight": "mlp.down_proj.weight",
            **{f"attn_{n}.{kind}": f"self_attn.{n}_proj.{kind}" for n in "qkv" for kind in ("weight", "bias")}}


def load_transformers(path):
    """The same weights as transformers' Qwen2ForCausalLM."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    reader = gguf.GGUFReader(path)
    weights, c = read_weights(reader), read_config(reader)
    config = Qwen2Config(
        vocab_size=len(weights["token_embd.weight"]), hidden_size=c.width, intermediate_size=c.hidden,
        num_hidden_layers=c.layers, num_attention_heads=c.heads, num_key_value_heads=c.kv_heads,
        max_position_embeddings=c.context, rms_norm_eps=c.epsilon, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_base})
    model = Qwen2ForCausalLM(config).float().eval()
    state = {"model.embed_tokens.weight": weights["token_embd.weight"], "lm_head.weight": weights["token_embd.weight"],
             "model.norm.weight": weights["output_norm.weight"]}
    for name, tensor in weights.items():
        if name.startswith("blk."):
            _, i, rest = name.split(".", 2)
            state[f"model.layers.{i}.{HF_NAMES[rest]}"] = tensor
    model.load_state_dict(state)
    return model
