"""How far quantised files of SmolLM2-135M are from the float one, computed by transformers in float32 from the de-quantised weights.

    python kl_divergence.py smollm2-f32.gguf tokens.npy quantised.gguf [...]

tokens.npy: [windows, length] ids, each window read by itself. Prints for each file the mean Kullback-Leibler divergence of the next
token's distribution from the float model's, the perplexity of both, and how often the most likely token is the same. Distances from
the float model tell methods apart with far fewer tokens than perplexities do. A file may be mixed of two: BASE,ffn_down+attn_k=OTHER
takes those matrices from OTHER.
"""
import sys

import gguf
import numpy
import torch
from transformers import LlamaConfig, LlamaForCausalLM

PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
HEADS = {"attn_q": 9, "attn_k": 3}
CONFIG = dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
              num_key_value_heads=3, rms_norm_eps=1e-5, rope_theta=100000.0, max_position_embeddings=8192)


def half_split(values, heads):
    """Rows of Q and K from GGUF's neighbouring pairs back to halves."""
    return values.reshape(heads, values.shape[0] // heads // 2, 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)


def load(path):
    state = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        values = torch.from_numpy(values.reshape([int(n) for n in reversed(tensor.shape)]).copy())
        if tensor.name == "token_embd.weight":
            state["model.embed_tokens.weight"] = state["lm_head.weight"] = values
        elif tensor.name == "output_norm.weight":
            state["model.norm.weight"] = values
        else:
            _, layer, part, _ = tensor.name.split(".")
            state[f"model.layers.{layer}.{PARTS[part]}.weight"] = half_split(values, HEADS[part]) if part in HEADS else values
    return state


def mixed(specification):
    base, *others = specification.split(",")
    state = load(base)
    for other in others:
        parts, path = other.split("=")
        source = load(path)
        names = [PARTS[part] for part in parts.split("+")]
        state.update({key: value for key, value in source.items() if any(name in key for name in names)})
    return state


@torch.no_grad()
def distributions(model, state, windows):
    model.load_state_dict(state)
    for window in windows:
        yield torch.log_softmax(model(torch.from_numpy(window)[None]).logits[0], -1)


def compare(base, logs, window):
    """(divergence, NLL of the base, NLL, same most likely token), each summed over the window's positions but the first."""
    divergence = (base.exp() * (base - logs)).sum(-1)[1:].sum()
    targets = torch.from_numpy(window[1:])[:, None]
    nll = [-float(log[:-1].gather(1, targets).sum()) for log in (base, logs)]
    return numpy.array([float(divergence), *nll, int((base.argmax(-1) == logs.argmax(-1))[1:].sum())])


def main():
    reference, tokens, *specifications = sys.argv[1:]
    torch.set_num_threads(1)
    windows = numpy.load(tokens).astype(numpy.int64)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG)).eval()
    bases = [logs.half() for logs in distributions(model, load(reference), windows)]  # Half the memory: 0.4 GB.
    for specification in specifications:
        logs = distributions(model, mixed(specification), windows)
        sums = sum(compare(base.float(), log, window) for base, log, window in zip(bases, logs, windows))
        divergence, base_nll, nll, same = sums / (windows.shape[0] * (windows.shape[1] - 1))
        print(f"{specification}: divergence {divergence:.4f}, perplexity {numpy.exp(nll):.3f} "
              f"(float {numpy.exp(base_nll):.3f}), same token {same:.4f}", flush=True)


if __name__ == "__main__":
    main()
