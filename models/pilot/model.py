"""The pilot's network: a Qwen2-form decoder (grouped attention with QKV biases, half-split RoPE, RMSNorm, SwiGLU,
tied embeddings), with what only training needs beside it.

Training-only parts, folded away or dropped by the export: factored embeddings (see `Pilot.rows`), dropout, a tagging
head and a head for the teacher's states on a middle layer, straight-through fake quantisation.
"""

import dataclasses
import random

import torch
import torch.nn.functional as F
from torch import nn

from tokenizer import FLAG_COUNT


TEACHER_WIDTH = 384


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


class Dropout:
    """Dropout whose masks are windows of one random tensor: drawing fresh bits for every mask took a tenth of a step."""

    def __init__(self, rate, size=1 << 22):
        self.rate = rate
        kept = torch.rand(size) >= rate
        self.mask = (kept.float() / (1 - rate)).bfloat16()

    def __call__(self, x):
        start = random.randrange(len(self.mask) - x.numel())
        return x * self.mask[start:start + x.numel()].view(x.shape)


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


def attention(q, k, v):
    """Causal where q has several positions (then as many as k). Written out and in float32, for sentences of 30 tokens
    it takes a quarter of the time of torch's fused kernel in bfloat16."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    count = q.shape[2]
    if count > 1:
        scores = scores + torch.full((count, count), float("-inf")).triu(1)
    return scores.softmax(-1) @ v


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.size, self.drop = c, c.width // c.heads, None
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
        q, k, v = rotate(q, cos, sin), rotate(k, cos, sin), v.float()
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        group = self.c.heads // self.c.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        with torch.autocast("cpu", enabled=False):
            mixed = attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, -1))

    def forward(self, x, cos, sin, cache=None):
        c, drop = self.c, self.drop if self.training else lambda x: x
        h = self.attend(F.rms_norm(x, (c.width,), self.attention_norm, c.epsilon), cos, sin, cache)
        x = x + drop(h)
        gate, up = self.gate_up(F.rms_norm(x, (c.width,), self.feed_norm, c.epsilon)).chunk(2, -1)
        return x + drop(self.down(F.silu(gate) * up))


class Pilot(nn.Module):
    """Factors are `Tokenizer.factors`: (base, flag) of each token."""

    def __init__(self, config, factors, tag_count):
        super().__init__()
        self.config = config
        base, flag = torch.tensor(factors).T
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("flag", flag, persistent=False)
        count = int(base.max()) + 1
        self.bases = nn.Parameter(torch.randn(count, config.width) * 0.03)
        self.flags = nn.Parameter(torch.randn(FLAG_COUNT, config.width) * 0.03)
        self.register_buffer("vectors", torch.zeros(count, config.width))
        self.word_map = nn.Parameter(torch.eye(config.width))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.tag_norm = nn.Parameter(torch.ones(config.width))
        self.tag_head = nn.Linear(config.width, tag_count)
        self.state_head = nn.Linear(config.width, TEACHER_WIDTH)
        self.quantize_embedding, self.round_input = None, False
        self.drop = Dropout(config.dropout)
        cos, sin = rope_table(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for layer in self.layers:
            layer.drop = self.drop
            for linear in (layer.qkv, layer.out, layer.gate_up, layer.down):
                nn.init.normal_(linear.weight, std=0.03)
            nn.init.zeros_(layer.qkv.bias)
            for linear in (layer.out, layer.down):
                linear.weight.data /= (2 * config.layers) ** 0.5

    def rows(self, tokens):
        """Embeddings [count, width] of `tokens`: a base vector and a flag vector; to the base belongs the image of a
        fixed word vector (words.py). In training a third of the tokens have only that image, so that the map learns to
        place words of which training has few examples or none."""
        base, flag = self.base[tokens], self.flag[tokens]
        own, fixed = self.bases[base], self.vectors[base]
        if self.training:
            keep = (torch.rand(len(tokens), 1) > 0.3) | (fixed[:, :1] == 0)
            own = own * keep
        return FAKE[self.quantize_embedding](own + fixed @ self.word_map + self.flags[flag])

    def embedding(self):
        """The plain table that a file holds, [vocabulary, width]."""
        return self.rows(torch.arange(len(self.base)))

    def set_quantization(self, matrices, embedding, round_inputs=True):
        """Sees matrices and the embedding through quantisers (None, "q8_0", "q4_0"), inputs through 8-bit rounding."""
        self.quantize_embedding, self.round_input = embedding, round_inputs
        for module in self.modules():
            if isinstance(module, Linear):
                module.quantize, module.round_input = matrices, round_inputs

    def hidden(self, ids, table, start=0, caches=None):
        """Residual streams: (after tag_layer, normalised end), each [batch, positions, width]."""
        x = F.embedding(ids, table).float()
        x = self.drop(x) if self.training else x
        cos, sin = (t[start:start + ids.shape[1]] for t in (self.cos, self.sin))
        middle = None
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, None if caches is None else caches[i])
            if i + 1 == self.config.tag_layer:
                middle = x
        return middle, F.rms_norm(x, (self.config.width,), self.norm, self.config.epsilon)

    def middle_heads(self, middle):
        """(tag logits, the teacher's state) of residual streams after tag_layer."""
        x = F.rms_norm(middle, (self.config.width,), self.tag_norm, self.config.epsilon)
        return self.tag_head(x), self.state_head(x)

    def logits(self, x, table):
        return F.linear(fake_q8_0(x) if self.round_input else x, table)

    def forward(self, ids):
        table = self.embedding()
        return self.logits(self.hidden(ids, table)[1], table)
