#!/usr/bin/env python3
"""Makes the tiny seeded models of this folder and what Hugging Face transformers computes with them.

    python make_tiny_models.py [NAME…]        (all, or those named; needs torch, transformers, gguf, numpy)

For each model NAME: NAME.gguf (standard keys and tensor names), NAME.tokens.npy [24] int32, NAME.logits.npy
[24, vocabulary] float32, NAME.greedy.npy [64] int32 (the greedy continuation of the 24), and NAME.long.npy
[6, vocabulary]: logits at LONG_ROWS of a text of 600 tokens (long.tokens.npy), which crosses pages of the KV cache.
The reference of a quantised file computes in float32 with the de-quantised weights.

NAME.exact.npy [24, vocabulary] is the same with what Linnet rounds on purpose rounded here too: keys and values to f16
and, in quantised files, the inputs of every product to int8 in blocks of 32, those of FINE to two int8 numbers, the
second of what the first leaves. What is left is the order of sums.
"""
import math
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

HERE = pathlib.Path(__file__).parent
GAIN = 1.1  # Of every matrix, so that layers outweigh the embedding and attention is sharp.
FAR_ROWS = [99, 100, 1023, 2399]
LONG_ROWS = [255, 256, 257, 511, 512, 599]
COMMON = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=1024, rms_norm_eps=1e-6, attn_implementation="eager")
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)

# Products whose inputs are rounded to two terms.
FINE = {"q_proj", "k_proj", "v_proj", "lm_head", "in_proj_qkv", "in_proj_z", "in_proj_a", "in_proj_b"}

# Layer tensors: transformers' name, GGUF's.
LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight", "self_attn.q_proj.bias": "attn_q.bias",
    "self_attn.k_proj.weight": "attn_k.weight", "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.weight": "attn_v.weight", "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight", "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
         "lm_head.weight": "output.weight"}


def gguf_name(name):
    if name in NAMES:
        return NAMES[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[rest]}"


def permute(weight, heads):
    """Rows of Q and K from half-split to interleaved pairs, as Llama's conversion to GGUF does."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def inverse_permute(weight, heads):
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def seeded(model, seed):
    """Weights large enough that every part shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            parameter.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.2 * noise
        elif "embed" in name:
            parameter.data = 0.035 * noise
        elif "lm_head" in name:
            parameter.data = 0.28 * noise / math.sqrt(parameter.shape[-1])
        else:
            parameter.data = GAIN * noise / math.sqrt(parameter.shape[-1])
    model.tie_weights()
    return model.eval()


def rope_factors(config):
    """Llama 3's divisors of the frequencies (rope_freqs.weight), as its conversion to GGUF computes them."""
    width = config.head_dim
    frequencies = 1.0 / (config.rope_theta_value ** (np.arange(0, width, 2, dtype=np.float32) / width))
    low = LLAMA3["original_max_position_embeddings"] / LLAMA3["low_freq_factor"]
    high = LLAMA3["original_max_position_embeddings"] / LLAMA3["high_freq_factor"]
    factors = []
    for frequency in frequencies:
        wavelength = 2 * math.pi / frequency
        if wavelength < high:
            factors.append(1.0)
        elif wavelength > low:
            factors.append(LLAMA3["factor"])
        else:
            smooth = (LLAMA3["original_max_position_embeddings"] / wavelength - LLAMA3["low_freq_factor"]) / (
                LLAMA3["high_freq_factor"] - LLAMA3["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / LLAMA3["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def write_keys(writer, arch, config):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta_value)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    rope = config.rope_parameters or {}
    if rope.get("rope_type") in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType[rope["rope_type"].upper()])
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope.get("original_max_position_embeddings", 1024))
    if getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if arch == "qwen3" or config.head_dim * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)


def byte_alphabet():
    """GPT-2's printable character of every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(b if b in printable else next(extra)) for b in range(256)]


def write_tokenizer(writer):
    """A byte-level vocabulary: 256 bytes, 30 merges, and an end-of-text token."""
    alphabet = byte_alphabet()
    pairs = ["t h", "i n", "e r", "a n", "o n", "r e", "h e", "o u", "Ġ t", "Ġ a", "Ġ s", "Ġ w", "n d", "l l", "a t",
             "th e", "in g", "Ġ the", "o r", "e n", "i s", "l i", "g h", "t s", "o f", "Ġ of", "a r", "o m", "u r",
             "Ġa nd"]
    merged = [pair.replace(" ", "") for pair in pairs]
    tokens = alphabet + merged + ["<|end|>", "<|pad|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - 2) + [3, 3])
    writer.add_token_merges(pairs)
    writer.add_eos_token_id(len(tokens) - 2)
    writer.add_pad_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    return len(tokens)


def stored(array, kind):
    """What the file holds and what it stands for in float32. Vectors stay float32."""
    if array.ndim == 1 or kind == Type.F32:
        return array.astype(np.float32), array.astype(np.float32), Type.F32
    data = gguf.quants.quantize(array.astype(np.float32), kind)
    return data, gguf.quants.dequantize(data, kind), kind


def write_model(name, arch, model, kind, tokenizer=False):
    """Writes the file, and rounds the model's weights to what the file says."""
    config = model.config
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", arch)
    write_keys(writer, arch, config)
    if tokenizer:
        assert write_tokenizer(writer) == config.vocab_size
    if getattr(config, "long_context", False):
        writer.add_tensor("rope_freqs.weight", rope_factors(config))
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for parameter_name, parameter in model.named_parameters():
        array = parameter.detach().numpy()
        turned = next((heads[part] for part in heads if arch == "llama" and part in parameter_name), None)
        array = permute(array, turned) if turned else array
        tensor_kind = Type.Q8_0 if kind in (Type.Q4_0, Type.Q4_1) and "embed" in parameter_name else kind
        data, meant, tensor_kind = stored(array, tensor_kind)
        writer.add_tensor(gguf_name(parameter_name), data, raw_dtype=tensor_kind)
        meant = inverse_permute(meant, turned) if turned else meant
        parameter.data = torch.from_numpy(np.ascontiguousarray(meant))
    model.tie_weights()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def round_activations(x, terms=1):
    """To int8 in blocks of 32, as ARCHITECTURE's canonical arithmetic says."""
    blocks = x.reshape(*x.shape[:-1], -1, 32)
    largest = blocks.abs().amax(dim=-1, keepdim=True)
    codes = torch.round(blocks * torch.where(largest > 0, 127 / largest, 0.0))
    rounded = (codes * (largest / 127)).reshape(x.shape)
    return rounded if terms == 1 else rounded + round_activations(x - rounded, terms - 1)


def terms_of(name):
    return 2 if name.split(".")[-1] in FINE else 1


def attention_with_f16_cache(module, query, key, value, *args, **kwargs):
    eager = sys.modules[type(module).__module__].eager_attention_forward
    return eager(module, query, key.half().float(), value.half().float(), *args, **kwargs)


ALL_ATTENTION_FUNCTIONS.register("f16_cache", attention_with_f16_cache)
ALL_MASK_ATTENTION_FUNCTIONS.register("f16_cache", ALL_MASK_ATTENTION_FUNCTIONS["eager"])


@torch.no_grad()
def exact_logits(model, ids, quantised):
    hooks = []
    if quantised:
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear):
                hooks.append(module.register_forward_pre_hook(
                    lambda _, inputs, terms=terms_of(name): (round_activations(inputs[0], terms),)))
    model.config._attn_implementation = "f16_cache"
    logits = model(ids).logits[0].numpy().astype(np.float32)
    model.config._attn_implementation = "eager"
    for hook in hooks:
        hook.remove()
    return logits


@torch.no_grad()
def write_goldens(name, model, long_tokens, quantised=False, exact=True):
    tokens = np.random.default_rng(7).integers(0, model.config.vocab_size, 24).astype(np.int32)
    ids = torch.from_numpy(tokens.astype(np.int64))[None]
    logits = model(ids).logits[0].numpy().astype(np.float32)
    rounded = exact_logits(model, ids, quantised) if exact else logits
    greedy, gaps = [], []
    for _ in range(64):
        last = model(ids).logits[0, -1]
        best = torch.topk(last, 2)
        gaps.append(float(best.values[0] - best.values[1]))
        greedy.append(int(best.indices[0]))
        ids = torch.cat([ids, best.indices[:1][None]], dim=1)
    long_ids = torch.from_numpy(long_tokens.astype(np.int64) % model.config.vocab_size)[None]
    long = model(long_ids).logits[0, LONG_ROWS].numpy().astype(np.float32)
    print(f"{name}: logits in [{logits.min():.2f}, {logits.max():.2f}], rounding moves them by "
          f"{np.abs(rounded - logits).max():.5f}, smallest greedy gap {min(gaps):.4f}, "
          f"{len(set(greedy))} different tokens")
    np.save(HERE / f"{name}.tokens.npy", tokens)
    np.save(HERE / f"{name}.logits.npy", logits)
    if exact:
        np.save(HERE / f"{name}.exact.npy", rounded)
    np.save(HERE / f"{name}.greedy.npy", np.array(greedy, dtype=np.int32))
    np.save(HERE / f"{name}.long.npy", long)


def prepare(config):
    """What several versions of transformers name differently."""
    config.rope_theta_value = float((config.rope_parameters or {}).get("rope_theta", 10000.0)) if hasattr(
        config, "rope_parameters") else float(config.rope_theta)
    if getattr(config, "head_dim", None) is None:
        config.head_dim = config.hidden_size // config.num_attention_heads
    return config


def make(name, arch, config, seed, kind, tokenizer=False):
    classes = {"llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM, "qwen3": Qwen3ForCausalLM}
    kind_of_model = MistralForCausalLM if isinstance(config, MistralConfig) else classes[arch]
    model = seeded(kind_of_model(prepare(config)).float(), seed)
    write_model(name, arch, model, kind, tokenizer)
    write_goldens(name, model, np.load(HERE / "long.tokens.npy"), kind not in (Type.F32, Type.F16))


def llama_config(vocabulary, tied, long_context):
    extra = dict(rope_parameters=dict(rope_theta=10000.0, **LLAMA3)) if long_context else {}
    config = LlamaConfig(vocab_size=vocabulary, tie_word_embeddings=tied, **COMMON, **extra)
    config.long_context = long_context
    return config


def qwen2_config():
    return Qwen2Config(vocab_size=150, tie_word_embeddings=True, rope_theta=1000000.0, **COMMON)


def qwen3_config():
    return Qwen3Config(vocab_size=150, tie_word_embeddings=False, head_dim=24, rope_theta=1000000.0, **{**COMMON, "intermediate_size": 64})


def stretched_config(kind, rope, **other):
    small = {**COMMON, **other, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2, "num_key_value_heads": 1}
    return kind(vocab_size=150, tie_word_embeddings=True, rope_parameters=dict(rope_theta=10000.0, **rope), **small)


@torch.no_grad()
def make_window():
    """Mistral, and what it says FAR_ROWS into the text of 600 tokens taken four times."""
    config = stretched_config(MistralConfig, dict(rope_type="default"), sliding_window=100, max_position_embeddings=4096)
    make("mistral-f32", "llama", config, 16, Type.F32)
    model = seeded(MistralForCausalLM(config).float(), 16)
    text = np.tile(np.load(HERE / "long.tokens.npy"), 4).astype(np.int64)
    np.save(HERE / "mistral-f32.far.npy", model(torch.from_numpy(text)[None]).logits[0, FAR_ROWS].numpy().astype(np.float32))


def make_fuzz_seeds():
    """Files of a few KB for the fuzz target tests/engine/fuzz_model.cc: one layer, 20 tokens."""
    (HERE / "../fuzz/model").mkdir(exist_ok=True)
    tiny = {**COMMON, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 1, "vocab_size": 20}
    llama = LlamaConfig(tie_word_embeddings=False, rope_parameters=dict(rope_theta=10000.0, **LLAMA3), **tiny)
    llama.long_context = True
    write_model("../fuzz/model/llama-f16", "llama", seeded(LlamaForCausalLM(prepare(llama)).float(), 1), Type.F16)
    qwen2 = Qwen2Config(tie_word_embeddings=True, **tiny)
    write_model("../fuzz/model/qwen2-q4_0", "qwen2", seeded(Qwen2ForCausalLM(prepare(qwen2)).float(), 2), Type.Q4_0)
    qwen3 = Qwen3Config(tie_word_embeddings=True, head_dim=32, **tiny)
    write_model("../fuzz/model/qwen3-q8_0", "qwen3", seeded(Qwen3ForCausalLM(prepare(qwen3)).float(), 3), Type.Q8_0)


def main():
    torch.set_num_threads(1)
    if sys.argv[1:]:
        names, original = sys.argv[1:], globals()["make"]
        make = lambda name, *rest, **options: original(name, *rest, **options) if name in names else None
    else:
        make = globals()["make"]
        make_fuzz_seeds()
        np.save(HERE / "long.tokens.npy", np.random.default_rng(8).integers(0, 150, 600).astype(np.int32))
    # Seeds whose greedy text is varied and has no near tie: at least 0.0025 between the best two logits.
    make("llama-f32", "llama", llama_config(150, tied=False, long_context=True), 10, Type.F32)
    make("llama-f16", "llama", llama_config(288, tied=True, long_context=False), 2, Type.F16, tokenizer=True)
    make("llama-q8_0", "llama", llama_config(150, tied=False, long_context=True), 10, Type.Q8_0)
    make("llama-q4_0", "llama", llama_config(150, tied=False, long_context=True), 10, Type.Q4_0)
    make("qwen2-f32", "qwen2", qwen2_config(), 7, Type.F32)
    make("qwen2-q4_1", "qwen2", qwen2_config(), 7, Type.Q4_1)
    make("qwen3-f32", "qwen3", qwen3_config(), 7, Type.F32)
    make("qwen3-q8_0", "qwen3", qwen3_config(), 7, Type.Q8_0)
    # The text of 600 tokens goes past the original contexts.
    yarn = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=256)
    make("qwen2-yarn-f32", "qwen2", stretched_config(Qwen2Config, yarn), 11, Type.F32)
    if not sys.argv[1:] or "mistral-f32" in sys.argv[1:]:
        make_window()
    make("llama-linear-f32", "llama", stretched_config(LlamaConfig, dict(rope_type="linear", factor=4.0)), 11, Type.F32)


if __name__ == "__main__":
    main()
