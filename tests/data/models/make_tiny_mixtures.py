#!/usr/bin/env python3
"""Makes the tiny seeded models with experts and latent attention, as make_tiny_models.py makes the others.

    python make_tiny_mixtures.py [NAME…]        (all, or those named; needs torch, transformers, gguf, numpy)

The same files a model, and of gpt-oss NAME.far.npy: what it says at FAR_ROWS of the text of 600 tokens taken four
times. Latent attention keeps latents and rotated keys as f16, so that is what its reference rounds;
there is no NAME.exact.npy of its quantised files, whose products are of other numbers than the reference's.
"""
import contextlib
import sys
from unittest import mock

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import (DeepseekV2Config, DeepseekV2ForCausalLM, DeepseekV3Config, DeepseekV3ForCausalLM,
                          GptOssConfig, GptOssForCausalLM, MixtralConfig, MixtralForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM)

import make_tiny_models as tiny

SMALL = dict(vocab_size=150, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=1024,
             rms_norm_eps=1e-6, attn_implementation="eager", experts_implementation="eager", tie_word_embeddings=False)
# Layer tensors that are one here and one there.
RENAMED = {
    **tiny.LAYER_NAMES,
    "mlp.gate.weight": "ffn_gate_inp.weight", "mlp.experts.down_proj": "ffn_down_exps.weight",
    "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
    "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
    "self_attn.q_a_proj.weight": "attn_q_a.weight", "self_attn.q_a_layernorm.weight": "attn_q_a_norm.weight",
    "self_attn.q_b_proj.weight": "attn_q_b.weight", "self_attn.kv_a_proj_with_mqa.weight": "attn_kv_a_mqa.weight",
    "self_attn.kv_a_layernorm.weight": "attn_kv_a_norm.weight", "self_attn.kv_b_proj.weight": "attn_kv_b.weight",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "self_attn.sinks": "attn_sinks.weight", "self_attn.o_proj.bias": "attn_output.bias",
    "mlp.router.weight": "ffn_gate_inp.weight", "mlp.router.bias": "ffn_gate_inp.bias",
    "mlp.experts.down_proj_bias": "ffn_down_exps.bias",
}


class Converter:
    """Writes each tensor in its GGUF form, and puts what the file then means back into the model."""

    def __init__(self, writer, kind, arch, config, split_latent):
        self.writer, self.kind, self.arch, self.config, self.split_latent = writer, kind, arch, config, split_latent

    def store(self, name, array):
        kind = Type.Q8_0 if "embd" in name and self.kind != Type.F32 else self.kind
        if array.ndim == 1 or "ffn_gate_inp" in name or name.endswith("bias"):
            kind = Type.F32
        if kind == Type.MXFP4 and "exps" not in name:
            kind = Type.Q8_0
        data = np.ascontiguousarray(array, dtype=np.float32)
        if kind != Type.F32:
            data = gguf.quants.quantize(data, kind)
        self.writer.add_tensor(name, data, raw_dtype=kind)
        return data if kind == Type.F32 else gguf.quants.dequantize(data, kind)

    def convert(self, name, array):
        if name in tiny.NAMES:
            return self.store(tiny.NAMES[name], array)
        _, _, layer, rest = name.split(".", 3)
        prefix = f"blk.{layer}."
        if self.arch == "gpt-oss" and rest.startswith("mlp.experts"):
            return self.convert_turned(prefix, rest.removeprefix("mlp.experts."), array)
        if self.arch == "gpt-oss" and rest == "post_attention_layernorm.weight":
            return self.store(prefix + "post_attention_norm.weight", array)
        if rest == "mlp.experts.gate_up_proj":
            half = array.shape[1] // 2
            return np.concatenate([self.store(prefix + "ffn_gate_exps.weight", array[:, :half]),
                                   self.store(prefix + "ffn_up_exps.weight", array[:, half:])], axis=1)
        if rest == "self_attn.kv_b_proj.weight" and self.split_latent:
            return self.convert_latent(prefix, array)
        heads = {"self_attn.q_proj.weight": self.config.num_attention_heads,
                 "self_attn.k_proj.weight": self.config.num_key_value_heads}.get(rest)
        if self.arch == "llama" and heads:
            stored = self.store(prefix + RENAMED[rest], tiny.permute(array, heads))
            return tiny.inverse_permute(stored, heads)
        return self.store(prefix + RENAMED[rest], array)

    def convert_turned(self, prefix, rest, array):
        """gpt-oss keeps inputs before outputs, and gate and up in turns."""
        if rest == "down_proj":
            return self.store(prefix + "ffn_down_exps.weight", array.swapaxes(1, 2)).swapaxes(1, 2)
        if rest == "down_proj_bias":
            return self.store(prefix + "ffn_down_exps.bias", array)
        meant = np.empty_like(array)
        for offset, name in ((0, "ffn_gate_exps"), (1, "ffn_up_exps")):
            part = array[..., offset::2]
            if rest == "gate_up_proj":
                meant[..., offset::2] = self.store(f"{prefix}{name}.weight", part.swapaxes(1, 2)).swapaxes(1, 2)
            else:
                meant[..., offset::2] = self.store(f"{prefix}{name}.bias", part)
        return meant

    def convert_latent(self, prefix, array):
        """attn_k_b transposed and attn_v_b, as newer conversions write them."""
        config = self.config
        both = array.reshape(config.num_attention_heads, config.qk_nope_head_dim + config.v_head_dim, -1)
        keys = self.store(prefix + "attn_k_b.weight", both[:, : config.qk_nope_head_dim].swapaxes(1, 2))
        values = self.store(prefix + "attn_v_b.weight", both[:, config.qk_nope_head_dim :])
        return np.concatenate([keys.swapaxes(1, 2), values], axis=1).reshape(array.shape)


def write_experts(writer, config, count):
    writer.add_expert_count(count)
    writer.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    elif isinstance(config, GptOssConfig):
        writer.add_expert_feed_forward_length(config.intermediate_size)


def write_latent(writer, config, split_latent):
    key = config.qk_nope_head_dim + config.qk_rope_head_dim
    if config.q_lora_rank is not None:
        writer.add_q_lora_rank(config.q_lora_rank)
    writer.add_kv_lora_rank(config.kv_lora_rank)
    if split_latent:
        writer.add_key_length(config.kv_lora_rank + config.qk_rope_head_dim)
        writer.add_value_length(config.kv_lora_rank)
        writer.add_key_length_mla(key)
        writer.add_value_length_mla(config.v_head_dim)
    else:
        writer.add_key_length(key)
        writer.add_value_length(config.v_head_dim)
    writer.add_leading_dense_block_count(config.first_k_dense_replace)
    writer.add_expert_shared_count(config.n_shared_experts)
    writer.add_expert_weights_scale(config.routed_scaling_factor)
    writer.add_expert_group_count(config.n_group)
    writer.add_expert_group_used_count(config.topk_group)
    if isinstance(config, DeepseekV3Config):
        writer.add_expert_weights_norm(config.norm_topk_prob)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    rope = config.rope_parameters
    if rope.get("mscale_all_dim"):
        writer.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])


def write_keys(writer, arch, config, split_latent):
    latent = arch == "deepseek2"
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(1 if split_latent else config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(config.qk_rope_head_dim if latent else config.head_dim)
    if rope.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    writer.add_vocab_size(config.vocab_size)
    if latent:
        write_latent(writer, config, split_latent)
    if arch == "gpt-oss":
        writer.add_sliding_window(config.sliding_window)
    if arch in ("qwen3moe", "gpt-oss"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)


def seeded(model, seed):
    """As the other models', and a correction of the choice of experts that changes some."""
    tiny.seeded(model, seed)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith(("mlp.gate.weight", "mlp.router.weight")):
            parameter.data *= 2
        elif name.endswith("sinks"):
            parameter.data = torch.randn(parameter.shape, generator=generator)
        elif parameter.ndim > 1 and "embed" not in name and "lm_head" not in name:
            parameter.data *= 0.85  # Experts and latents amplify what rounding the cache to f16 does.
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
    return model


@contextlib.contextmanager
def rounded_latents(model):
    """Latents and rotated keys as the cache holds them."""
    hooks = [module.register_forward_hook(lambda _, inputs, out: out.half().float())
             for name, module in model.named_modules() if name.endswith("kv_a_layernorm")]
    code = sys.modules[type(model).__module__]
    rotate = "apply_rotary_emb" if hasattr(code, "apply_rotary_emb") else "apply_rotary_pos_emb_interleave"
    original = getattr(code, rotate)

    def rounded(*args, **kwargs):
        query, key = original(*args, **kwargs)
        return query, key.half().float()

    with mock.patch.object(code, rotate, rounded):
        yield
    for hook in hooks:
        hook.remove()


@contextlib.contextmanager
def rounded_inputs(model, experts):
    """Of every product but the router's, whose weights are float32."""
    original = torch.nn.functional.linear
    terms = {id(module.weight): tiny.terms_of(name) for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}

    def linear(values, weight, bias=None):
        router = weight.shape[0] == experts
        return original(values if router else tiny.round_activations(values, terms.get(id(weight), 1)), weight, bias)

    with mock.patch("torch.nn.functional.linear", linear):
        yield


@torch.no_grad()
def exact_logits(model, arch, kind):
    ids = torch.from_numpy(np.random.default_rng(7).integers(0, model.config.vocab_size, 24))[None]
    if arch != "deepseek2":
        experts = model.config.num_local_experts if kind != Type.F32 else None
        with rounded_inputs(model, experts) if experts else contextlib.nullcontext():
            return tiny.exact_logits(model, ids, False)
    with rounded_latents(model):
        return model(ids).logits[0].numpy().astype(np.float32)


def make(name, arch, model, seed, kind, split_latent=False):
    seeded(model.float(), seed)
    tiny.prepare(model.config)
    config = model.config
    writer = gguf.GGUFWriter(tiny.HERE / f"{name}.gguf", arch)
    write_keys(writer, arch, config, split_latent)
    write_experts(writer, config, getattr(config, "n_routed_experts", None) or config.num_local_experts)
    converter = Converter(writer, kind, arch, config, split_latent)
    tensors = [*model.named_parameters()]
    tensors += [pair for pair in model.named_buffers() if pair[0].endswith("e_score_correction_bias")]
    for tensor_name, tensor in tensors:
        meant = converter.convert(tensor_name, tensor.detach().numpy())
        tensor.data = torch.from_numpy(np.ascontiguousarray(meant))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tiny.write_goldens(name, model, np.load(tiny.HERE / "long.tokens.npy"), exact=False)
    if arch == "gpt-oss":
        np.save(tiny.HERE / f"{name}.far.npy", far_logits(model))
    if kind == Type.F32 or arch not in ("deepseek2", "gpt-oss"):
        np.save(tiny.HERE / f"{name}.exact.npy", exact_logits(model, arch, kind))


@torch.no_grad()
def far_logits(model):
    text = np.tile(np.load(tiny.HERE / "long.tokens.npy"), 4).astype(np.int64)
    return model(torch.from_numpy(text)[None]).logits[0, tiny.FAR_ROWS].numpy().astype(np.float32)


def mixtral():
    return MixtralForCausalLM(MixtralConfig(intermediate_size=32, num_key_value_heads=1, num_local_experts=4,
                                            num_experts_per_tok=2, **SMALL))


def qwen3moe():
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(
        intermediate_size=64, moe_intermediate_size=32, num_key_value_heads=1, head_dim=16, num_experts=8,
        num_experts_per_tok=3, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[], **SMALL))


LATENT = dict(intermediate_size=64, moe_intermediate_size=32, kv_lora_rank=32, qk_nope_head_dim=32, qk_rope_head_dim=8,
              v_head_dim=16, n_shared_experts=2, num_experts_per_tok=3, first_k_dense_replace=1, num_key_value_heads=2,
              **{**SMALL, "num_hidden_layers": 3})
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=256)


def deepseek_v2():
    rope = dict(**YARN, mscale=0.707, mscale_all_dim=0.707)
    return DeepseekV2ForCausalLM(DeepseekV2Config(
        q_lora_rank=None, n_routed_experts=8, n_group=4, topk_group=2, topk_method="group_limited_greedy",
        routed_scaling_factor=1.5, norm_topk_prob=False, rope_parameters=rope, **LATENT))


def deepseek_v3():
    rope = dict(**YARN, mscale=1.0, mscale_all_dim=1.0)
    return DeepseekV3ForCausalLM(DeepseekV3Config(
        q_lora_rank=32, n_routed_experts=8, n_group=4, topk_group=2, routed_scaling_factor=2.5, norm_topk_prob=True,
        rope_parameters=rope, **LATENT))


def gpt_oss():
    """The window is shorter than a page of the cache, and the bounds of its YaRN are not whole pairs."""
    rope = dict(**YARN, truncate=False)
    return GptOssForCausalLM(GptOssConfig(
        intermediate_size=32, num_key_value_heads=1, head_dim=16, num_local_experts=4, num_experts_per_tok=2,
        sliding_window=100, rope_parameters=rope, **{**SMALL, "num_hidden_layers": 4, "max_position_embeddings": 4096}))


MODELS = {
    "gpt-oss-f32": ("gpt-oss", gpt_oss, 3, Type.F32),
    "gpt-oss-mxfp4": ("gpt-oss", gpt_oss, 3, Type.MXFP4),
    "mixtral-f32": ("llama", mixtral, 1, Type.F32),
    "mixtral-q8_0": ("llama", mixtral, 1, Type.Q8_0),
    "qwen3moe-f32": ("qwen3moe", qwen3moe, 25, Type.F32),
    "qwen3moe-q4_0": ("qwen3moe", qwen3moe, 25, Type.Q4_0),
    "deepseek2-f32": ("deepseek2", deepseek_v2, 1, Type.F32),
    "deepseek2-q8_0": ("deepseek2", deepseek_v2, 1, Type.Q8_0),
    "deepseek3-f32": ("deepseek2", deepseek_v3, 1, Type.F32, True),
    "deepseek3-q8_0": ("deepseek2", deepseek_v3, 8, Type.Q8_0, True),
}


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        arch, build, seed, *rest = MODELS[name]
        make(name, arch, build(), seed, *rest)


if __name__ == "__main__":
    main()
