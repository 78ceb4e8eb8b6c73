"""Writes a checkpoint as GGUF: plain files of the `qwen2` architecture that any GGUF reader can run.

    python export.py --data DATA --run RUN --out FOLDER      # FOLDER/pilot-f32.gguf, pilot-int8.gguf, pilot-int4.gguf
"""

import argparse
import os

import gguf
import torch
from gguf import GGMLQuantizationType as Type

from constraint import grammar_text
from data import CHAT_TEMPLATE, data_argument, labels, read_records
from model import Config, Pilot
from quantize import quantize
from tokenizer import END, Tokenizer

FILE_TYPES = {"f32": (Type.F32, Type.F32, gguf.LlamaFileType.ALL_F32),
              "int8": (Type.Q8_0, Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
              "int4": (Type.Q4_0, Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q4_0)}  # matrices, embedding, general.file_type


def load_checkpoint(path, tokenizer, tag_count):
    state = torch.load(path, map_location="cpu")
    model = Pilot(Config(**state["config"]), tokenizer.factors, tag_count)
    model.load_state_dict(state["model"])
    return model.eval()


def tensors(model):
    """(GGUF name, array) in file order; shapes are [out, in]."""
    c, size = model.config, model.config.width // model.config.heads
    yield "token_embd.weight", model.embedding()
    for i, layer in enumerate(model.layers):
        parts = (c.heads * size, c.kv_heads * size, c.kv_heads * size)
        yield f"blk.{i}.attn_norm.weight", layer.attention_norm
        for name, weight, bias in zip("qkv", layer.qkv.weight.split(parts), layer.qkv.bias.split(parts)):
            yield f"blk.{i}.attn_{name}.weight", weight
            yield f"blk.{i}.attn_{name}.bias", bias
        yield f"blk.{i}.attn_output.weight", layer.out.weight
        yield f"blk.{i}.ffn_norm.weight", layer.feed_norm
        gate, up = layer.gate_up.weight.chunk(2)
        yield f"blk.{i}.ffn_gate.weight", gate
        yield f"blk.{i}.ffn_up.weight", up
        yield f"blk.{i}.ffn_down.weight", layer.down.weight
    yield "output_norm.weight", model.norm


def add_hyper_parameters(writer, c):
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.width)
    writer.add_block_count(c.layers)
    writer.add_feed_forward_length(c.hidden)
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.kv_heads)
    writer.add_layer_norm_rms_eps(c.epsilon)
    writer.add_rope_freq_base(c.rope_base)
    writer.add_rope_dimension_count(c.width // c.heads)


def add_tokenizer(writer, tokenizer):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.types)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_eos_token_id(tokenizer.id[END])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write(path, model, tokenizer, kind, grammar):
    matrices, embedding, file_type = FILE_TYPES[kind]
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("Linnet pilot")
    writer.add_description("A sentence to a home device in, intent and slots as JSON out")
    writer.add_license("Apache-2.0; trained on NLU-Evaluation-Data (CC BY 4.0)")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_hyper_parameters(writer, model.config)
    add_tokenizer(writer, tokenizer)
    writer.add_string("linnet.grammar", grammar)
    for name, tensor in tensors(model):
        array = tensor.detach().float().contiguous().numpy()
        kind = Type.F32 if array.ndim == 1 else embedding if name == "token_embd.weight" else matrices
        if kind == Type.F32:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data_argument(parser)
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--kinds", nargs="+", default=list(FILE_TYPES), choices=list(FILE_TYPES))
    arguments = parser.parse_args()
    intents, types = labels(read_records(arguments.data, "train"))
    tokenizer = Tokenizer.load(os.path.join(arguments.run, "tokenizer.json"))
    model = load_checkpoint(os.path.join(arguments.run, "best.pt"), tokenizer, 1 + 2 * len(types))
    grammar = grammar_text(intents, types)
    with open(os.path.join(arguments.out, "grammar.gbnf"), "w") as file:
        file.write(grammar)
    for kind in arguments.kinds:
        path = os.path.join(arguments.out, f"pilot-{kind}.gguf")
        write(path, model, tokenizer, kind, grammar)
        print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
