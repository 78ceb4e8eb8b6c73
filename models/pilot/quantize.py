"""Q4_0 with the scale of each block chosen for the least squared error (Q8_0 is gguf's own)."""

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

FACTORS = np.concatenate((np.linspace(0.7, 1.15, 19), -np.linspace(0.8, 1.3, 11) * 8 / 7)).astype(np.float32)


def levels(blocks, scale):
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    return np.clip(np.round(blocks * inverse), -8, 7)


def best_scales(blocks):
    """[n, 1] scales for blocks [n, 32]: each factor of peak / -8, refined by least squares, rounded to float16."""
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(1, keepdims=True), 1)
    best, least = np.zeros_like(peak), np.full_like(peak, np.inf)
    for factor in FACTORS:
        q = levels(blocks, peak / -8 * factor)
        power = (q * q).sum(1, keepdims=True)
        scale = np.divide((q * blocks).sum(1, keepdims=True), power, out=np.zeros_like(peak), where=power > 0)
        scale = scale.astype(np.float16).astype(np.float32)
        error = ((blocks - scale * levels(blocks, scale)) ** 2).sum(1, keepdims=True)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best


def quantize_q4_0(matrix):
    """Bytes of a float32 matrix [rows, columns] as ggml's block_q4_0: [rows, columns / 32 * 18] uint8."""
    blocks = matrix.astype(np.float32).reshape(-1, 32)
    scale = best_scales(blocks)
    q = (levels(blocks, scale) + 8).astype(np.uint8)
    packed = q[:, :16] | (q[:, 16:] << 4)
    return np.hstack((scale.astype(np.float16).view(np.uint8), packed)).reshape(len(matrix), -1)


def quantize(matrix, kind):
    return quantize_q4_0(matrix) if kind == Type.Q4_0 else gguf.quants.quantize(matrix, kind)
