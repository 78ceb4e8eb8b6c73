#!/usr/bin/env python3
"""Makes the folders of this one's folders/: tiny seeded models as transformers saves them, and each converted to GGUF here.

    python make_model_folders.py [NAME]   (needs torch, transformers, tokenizers, safetensors, gguf, numpy)

folders/NAME/ is the model (config.json, safetensors, tokenizer.json …), folders/NAME.gguf the same by the `gguf` package,
folders/llama.tokens.json what the `tokenizers` package makes of a text. Also writes the seeds of the fuzz target
of safetensors files: one by the `safetensors` package, the others with one fault each.
"""
import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

from make_tiny_models import byte_alphabet, gguf_name, permute, prepare, rope_factors, seeded, write_keys, LLAMA3

HERE = pathlib.Path(__file__).parent / "folders"
SMALL = dict(hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256, rms_norm_eps=1e-6)
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
TEXT = "the thing is 123 of\n the others, naïve"


def make_tokenizer(folder):
    """Llama 3's way to cut, a byte-level vocabulary of 262 and two special tokens; gives the vocabulary's size."""
    alphabet = byte_alphabet()
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("Ġ", "the"), ("o", "f"), ("in", "g")]
    vocabulary = {token: i for i, token in enumerate(alphabet + [a + b for a, b in merges])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    expression = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
                  r"|\s+(?!\S)|\s+")
    from tokenizers import Regex
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(expression), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|begin|>", "<|end|>"])
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", begin)])])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"}, "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))
    ids = tokenizer.encode(TEXT).ids
    (HERE / "llama.tokens.json").write_text(json.dumps({"text": TEXT, "ids": ids}))
    return tokenizer


def write_tokenizer_keys(writer, tokenizer, size):
    known = tokenizer.get_vocab(with_added_tokens=True)
    tokens = [f"[PAD{i}]" for i in range(size)]
    types = [5] * size
    for token, i in known.items():
        tokens[i], types[i] = token, 3 if token.startswith("<|") else 1
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]])
    writer.add_bos_token_id(known["<|begin|>"])
    writer.add_eos_token_id(known["<|end|>"])
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def write_gguf(name, arch, model, kind, tokenizer):
    config = prepare(model.config)
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", arch)
    write_keys(writer, arch, config)
    if tokenizer:
        write_tokenizer_keys(writer, tokenizer, config.vocab_size)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for parameter_name, parameter in model.named_parameters():
        array = parameter.detach().float().numpy()
        turned = next((heads[part] for part in heads if arch == "llama" and part in parameter_name), None)
        array = permute(array, turned) if turned else array
        stored = Type.F32 if array.ndim == 1 else kind
        data = array if stored == Type.F32 else gguf.quants.quantize(array, stored)
        writer.add_tensor(gguf_name(parameter_name), data, raw_dtype=stored)
    if getattr(config, "long_context", False):
        writer.add_tensor("rope_freqs.weight", rope_factors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, arch, model, dtype, kind, shard, tokenizer=False):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = model.to(dtype)
    long_context = getattr(model.config, "long_context", False)
    if long_context:
        del model.config.long_context
    model.save_pretrained(folder, max_shard_size=shard)
    model.config.long_context = long_context
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_gguf(name, arch, model, kind, make_tokenizer(folder) if tokenizer else None)


FAULTS = {  # Name: header, bytes of data.
    "overlap": ({"a": ("F32", [2], [0, 8]), "b": ("F32", [1], [4, 8])}, 8),
    "hole": ({"a": ("U8", [2], [0, 2]), "b": ("U8", [2], [4, 6])}, 6),
    "outside": ({"a": ("I64", [4], [0, 32])}, 31),
    "more": ({"a": ("F16", [3], [0, 6])}, 7),
    "wrapping": ({"a": ("F32", [2305843009213693954], [0, 8])}, 8),
    "mismatch": ({"a": ("F16", [2], [0, 8])}, 8),
    "unknown": ({"a": ("F31", [2], [0, 8])}, 8),
}


def make_fuzz_seeds():
    folder = HERE / "../../fuzz/safetensors"
    for name, (tensors, size) in FAULTS.items():
        entries = {tensor: dict(zip(("dtype", "shape", "data_offsets"), fields)) for tensor, fields in tensors.items()}
        header = json.dumps(entries).encode()
        (folder / name).write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    (folder / "long-header").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    tensors = {"matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3) + 0.5, "scalar": torch.tensor(7),
               "half": torch.ones(5, dtype=torch.bfloat16), "empty": torch.zeros(0, 4)}
    save_file(tensors, folder / "package", metadata={"format": "pt", "quote": '"'})


def make_llama():
    llama = LlamaConfig(vocab_size=266, tie_word_embeddings=False, rope_parameters=dict(rope_theta=10000.0, **LLAMA3), **SMALL)
    llama.long_context = True
    make("llama", "llama", seeded(LlamaForCausalLM(prepare(llama)), 21), torch.bfloat16, Type.BF16, "40KB", tokenizer=True)


def make_qwen2():
    yarn = dict(rope_theta=1000000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
    qwen2 = Qwen2Config(vocab_size=96, tie_word_embeddings=True, rope_parameters=yarn, **SMALL)
    make("qwen2", "qwen2", seeded(Qwen2ForCausalLM(prepare(qwen2)), 22), torch.float16, Type.F16, "1GB")


def make_qwen3():
    qwen3 = Qwen3Config(vocab_size=96, tie_word_embeddings=False, head_dim=32, rope_theta=1000000.0, **SMALL)
    make("qwen3", "qwen3", seeded(Qwen3ForCausalLM(prepare(qwen3)), 23), torch.float32, Type.F32, "1GB")


def make_mistral():
    """A window, and heads that are wider together than the model, as Mistral Nemo's are."""
    mistral = MistralConfig(vocab_size=96, tie_word_embeddings=False, head_dim=32, rope_theta=1000000.0, sliding_window=40, **SMALL)
    make("mistral", "llama", seeded(MistralForCausalLM(prepare(mistral)), 24), torch.bfloat16, Type.BF16, "1GB")


def main():
    makers = {"llama": make_llama, "qwen2": make_qwen2, "qwen3": make_qwen3, "mistral": make_mistral, "fuzz": make_fuzz_seeds}
    for name in sys.argv[1:] or makers:
        makers[name]()


if __name__ == "__main__":
    main()
