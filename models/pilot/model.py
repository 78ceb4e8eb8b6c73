"""The pilot's network: a Qwen2-form decoder (grouped attention with QKV biases, half-split RoPE, RMSNorm, SwiGLU,
tied embeddings), with what only training needs beside it.

Training-only parts, folded away or dropped by the export: factored embeddings (a base vector and a flag vector a
token, see tokenizer.py), dropout, a tagging head on a middle layer, straight-through fake quantisation.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

from tokenizer import FLAG_COUNT


@dataclasses.dataclass
class Config:
    width: int = 256
    hidden: int = 1024
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    context: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-6
    dropout: float = 0.1
    tag_layer: int = 4  # the tagging head reads the residual stream after this many layers


def fake_q8_0(x):
    """Round to nearest in blocks of 32 with a float16 scale, gradients straight through."""
    blocks = x.detach().float().reshape(-1, 32)
    scale = blocks.abs().amax(1, keepdim=True) / 127
    inverse = torch.where(scale > 0, 1 / scale, 0)
    rounded = torch.round(blocks * inverse) * scale.half().float()
    return x + (rounded.reshape(x.shape).to(x.dtype) - x.detach())


def fake_q4_0(x):
    """ggml's Q4_0: the value of largest magnitude maps to -8; integers -8..7; gradients straight through."""
    blocks = x.detach().float().reshape(-1, 32)
    peak = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = peak / -8
    inverse = torch.where(scale != 0, 1 / scale, 0)
    levels = torch.clamp(torch.floor(blocks * inverse + 8.5), 0, 15) - 8
    rounded = levels * scale.half().float()
    return x + (rounded.reshape(x.shape).to(x.dtype) - x.detach())


FAKE = {None: lambda x: x, "q8_0": fake_q8_0, "q4_0": fake_q4_0}


class Linear(nn.Linear):
    """A linear layer whose weight can be seen through a quantiser, and whose input can be rounded to 8 bits."""

    quantize, round_input = None, False

    def forward(self, x):
        x = fake_q8_0(x) if self.round_input else x
        return F.linear(x, FAKE[self.quantize](self.weight), self.bias)


def rope_table(config, device=None):
    half = config.width // config.heads // 2
    frequency = config.rope_base ** (-torch.arange(half, device=device).float() / half)
    angle = torch.arange(config.context, device=device).float()[:, None] * frequency
    return torch.cat((angle.cos(), angle.cos()), 1), torch.cat((angle.sin(), angle.sin()), 1)


def rotate(x, cos, sin):
    """x [batch, heads, positions, size]; pairs are (i, i + size / 2)."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.size = c, c.width // c.heads
        self.attention_norm = nn.Parameter(torch.ones(c.width))
        self.qkv = Linear(c.width, (c.heads + 2 * c.kv_heads) * self.size, bias=True)
        self.out = Linear(c.width, c.width, bias=False)
        self.feed_norm = nn.Parameter(torch.ones(c.width))
        self.gate_up = Linear(c.width, 2 * c.hidden, bias=False)
        self.down = Linear(c.hidden, c.width, bias=False)

    def attend(self, x, cos, sin, cache):
        batch, count, _ = x.shape
        heads = self.qkv(x).view(batch, count, -1, self.size).transpose(1, 2)
        q, k, v = heads.split((self.c.heads, self.c.kv_heads, self.c.kv_heads), 1)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        group = self.c.heads // self.c.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=count > 1)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, -1))

    def forward(self, x, cos, sin, cache=None):
        c, drop = self.c, self.c.dropout if self.training else 0.0
        h = self.attend(F.rms_norm(x, (c.width,), self.attention_norm, c.epsilon), cos, sin, cache)
        x = x + F.dropout(h, drop, self.training)
        gate, up = self.gate_up(F.rms_norm(x, (c.width,), self.feed_norm, c.epsilon)).chunk(2, -1)
        return x + F.dropout(self.down(F.silu(gate) * up), drop, self.training)


class Pilot(nn.Module):
    """Factors are `Tokenizer.factors`: (base, flag) of each token."""

    def __init__(self, config, factors, tag_count):
        super().__init__()
        self.config = config
        base, flag = torch.tensor(factors).T
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("flag", flag, persistent=False)
        self.bases = nn.Parameter(torch.randn(int(base.max()) + 1, config.width) * 0.03)
        self.flags = nn.Parameter(torch.randn(FLAG_COUNT, config.width) * 0.03)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.tag_norm = nn.Parameter(torch.ones(config.width))
        self.tag_head = nn.Linear(config.width, tag_count)
        self.quantize_embedding, self.round_input = None, False
        cos, sin = rope_table(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for layer in self.layers:
            for linear in (layer.qkv, layer.out, layer.gate_up, layer.down):
                nn.init.normal_(linear.weight, std=0.03)
            nn.init.zeros_(layer.qkv.bias)
            for linear in (layer.out, layer.down):
                linear.weight.data /= (2 * config.layers) ** 0.5

    def embedding(self):
        """The plain table that a file holds, [vocabulary, width]."""
        table = self.bases[self.base] + self.flags[self.flag]
        return FAKE[self.quantize_embedding](table)

    def set_quantization(self, matrices, embedding, round_inputs=True):
        """Sees matrices and the embedding through quantisers (None, "q8_0", "q4_0"), inputs through 8-bit rounding."""
        self.quantize_embedding, self.round_input = embedding, round_inputs
        for module in self.modules():
            if isinstance(module, Linear):
                module.quantize, module.round_input = matrices, round_inputs

    def hidden(self, ids, table, start=0, caches=None):
        """Residual streams: (after tag_layer, normalised end), each [batch, positions, width]."""
        x = F.dropout(F.embedding(ids, table), self.config.dropout, self.training)
        cos, sin = (t[start:start + ids.shape[1]] for t in (self.cos, self.sin))
        middle = None
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, None if caches is None else caches[i])
            if i + 1 == self.config.tag_layer:
                middle = x
        return middle, F.rms_norm(x, (self.config.width,), self.norm, self.config.epsilon)

    def tags(self, middle):
        return self.tag_head(F.rms_norm(middle, (self.config.width,), self.tag_norm, self.config.epsilon))

    def logits(self, x, table):
        return F.linear(fake_q8_0(x) if self.round_input else x, table)

    def forward(self, ids):
        table = self.embedding()
        return self.logits(self.hidden(ids, table)[1], table)
