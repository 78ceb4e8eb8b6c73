#!/usr/bin/env python3
"""Makes the tiny seeded models with recurrent state, as make_tiny_models.py makes the others.

    python make_tiny_recurrent.py [NAME…]        (all, or those named; needs torch, transformers, gguf, numpy)

The same files a model, and NAME.far.npy: what it says at FAR_ROWS of the text of 600 tokens taken four times.
"""
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import Qwen3_5ForCausalLM, Qwen3_5TextConfig

import make_tiny_models as tiny

# Layer tensors that only these have.
NAMES = {
    **tiny.LAYER_NAMES,
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "linear_attn.in_proj_qkv.weight": "attn_qkv.weight", "linear_attn.in_proj_z.weight": "attn_gate.weight",
    "linear_attn.in_proj_a.weight": "ssm_alpha.weight", "linear_attn.in_proj_b.weight": "ssm_beta.weight",
    "linear_attn.conv1d.weight": "ssm_conv1d.weight", "linear_attn.dt_bias": "ssm_dt.bias",
    "linear_attn.A_log": "ssm_a", "linear_attn.norm.weight": "ssm_norm.weight",
    "linear_attn.out_proj.weight": "ssm_out.weight",
}


class Converter:
    """A tensor's GGUF form and back: value heads in turns over the key heads, norms with their 1, decay negative."""

    def __init__(self, config):
        self.keys = 2 * config.linear_num_key_heads * config.linear_key_head_dim
        self.groups = config.linear_num_key_heads
        self.each = config.linear_num_value_heads // config.linear_num_key_heads
        self.width = config.linear_value_head_dim

    def turned(self, array, width, back):
        """Rows of value heads: those of a key head are together in transformers, in turns here."""
        order = (self.each, self.groups) if back else (self.groups, self.each)
        return array.reshape(*order, width, *array.shape[1:]).swapaxes(0, 1).reshape(array.shape)

    def values(self, rest, array, back):
        """What is reordered of a tensor, if anything is."""
        if rest in ("linear_attn.in_proj_qkv.weight", "linear_attn.conv1d.weight"):
            return np.concatenate([array[: self.keys], self.turned(array[self.keys:], self.width, back)])
        if rest == "linear_attn.in_proj_z.weight":
            return self.turned(array, self.width, back)
        if rest == "linear_attn.out_proj.weight":
            return self.turned(array.T, self.width, back).T
        if rest in ("linear_attn.in_proj_a.weight", "linear_attn.in_proj_b.weight", "linear_attn.dt_bias",
                    "linear_attn.A_log"):
            return self.turned(array, 1, back)
        return array

    def forward(self, rest, array):
        if rest == "linear_attn.conv1d.weight":
            array = array[:, 0]
        if rest == "linear_attn.A_log":
            array = -np.exp(array)
        if rest.endswith("norm.weight") and not rest.startswith("linear_attn"):
            array = array + 1
        return self.values(rest, array, back=False)

    def backward(self, rest, array):
        array = self.values(rest, array, back=True)
        if rest == "linear_attn.conv1d.weight":
            array = array[:, None]
        if rest == "linear_attn.A_log":
            array = np.log(-array)
        if rest.endswith("norm.weight") and not rest.startswith("linear_attn"):
            array = array - 1
        return array


def seeded(model, seed):
    """Keys lie near queries, as trained ones do: an output is divided by its length, and where a query met no key that
    would make much of what rounding left."""
    tiny.seeded(model, seed)
    keys = model.config.linear_num_key_heads * model.config.linear_key_head_dim
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight") and "linear_attn" not in name:
            parameter.data -= 1  # These norms add 1 themselves.
        elif name.endswith("A_log"):
            parameter.data = torch.log(0.05 + 2 * torch.rand(parameter.shape, generator=generator))
        elif name.endswith("dt_bias"):
            parameter.data = 0.5 * torch.randn(parameter.shape, generator=generator) - 1
        elif name.endswith("conv1d.weight"):
            parameter.data = 0.6 * torch.randn(parameter.shape, generator=generator)
        elif parameter.ndim > 1 and "embed" not in name and "lm_head" not in name:
            parameter.data *= 0.85  # Layers behind each other amplify what rounding an activation does.
        if name.endswith(("conv1d.weight", "in_proj_qkv.weight")):
            parameter.data[keys : 2 * keys] = parameter.data[:keys] + 0.3 * parameter.data[keys : 2 * keys]
    return model


def write_keys(writer, config):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(config.head_dim * rope["partial_rotary_factor"]))
    writer.add_rope_dimension_sections([*rope["mrope_section"], 0])
    writer.add_vocab_size(config.vocab_size)
    writer.add_ssm_conv_kernel(config.linear_conv_kernel_dim)
    writer.add_ssm_state_size(config.linear_key_head_dim)
    writer.add_ssm_group_count(config.linear_num_key_heads)
    writer.add_ssm_time_step_rank(config.linear_num_value_heads)
    writer.add_ssm_inner_size(config.linear_value_head_dim * config.linear_num_value_heads)
    writer.add_array("qwen35.attention.recurrent_layers", [kind == "linear_attention" for kind in config.layer_types])
    writer.add_full_attention_interval(4)


def write_model(name, model, kind):
    writer = gguf.GGUFWriter(tiny.HERE / f"{name}.gguf", "qwen35")
    write_keys(writer, model.config)
    converter = Converter(model.config)
    for parameter_name, parameter in model.named_parameters():
        array = parameter.detach().numpy()
        if parameter_name in tiny.NAMES:
            gguf_name, rest = tiny.NAMES[parameter_name], parameter_name
        else:
            _, _, layer, rest = parameter_name.split(".", 3)
            gguf_name = f"blk.{layer}.{NAMES[rest]}"
        array = np.ascontiguousarray(converter.forward(rest, array))
        data, meant, stored_kind = tiny.stored(array, Type.F32 if "conv1d" in rest else kind)
        writer.add_tensor(gguf_name, data, raw_dtype=stored_kind)
        parameter.data = torch.from_numpy(np.ascontiguousarray(converter.backward(rest, meant), dtype=np.float32))
    model.tie_weights()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.no_grad()
def make(name, seed, kind):
    config = Qwen3_5TextConfig(
        vocab_size=150, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=32,
        linear_value_head_dim=32, max_position_embeddings=4096, tie_word_embeddings=kind == Type.F32,
        attn_implementation="eager",
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25,
                             mrope_section=[1, 1, 0], mrope_interleaved=True))
    model = seeded(Qwen3_5ForCausalLM(config).float(), seed)
    write_model(name, model, kind)
    tiny.write_goldens(name, model, np.load(tiny.HERE / "long.tokens.npy"), kind != Type.F32)
    if kind == Type.F32:
        text = np.tile(np.load(tiny.HERE / "long.tokens.npy"), 4).astype(np.int64)
        far = model(torch.from_numpy(text)[None]).logits[0, tiny.FAR_ROWS].numpy().astype(np.float32)
        np.save(tiny.HERE / f"{name}.far.npy", far)


MODELS = {"qwen35-f32": (1, Type.F32), "qwen35-q8_0": (4, Type.Q8_0)}


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, *MODELS[name])


if __name__ == "__main__":
    main()
