#!/usr/bin/env python3
"""Writes what the `gguf` package says of quantised blocks.

NAME.bin, of formats that the package quantises: 256 floats, their blocks, and the blocks de-quantised.
NAME.blocks, of every type that Linnet reads: 1,024 weights as random blocks (scales of magnitude below 2), and the blocks
de-quantised. Linnet's own Q4_64, Q4_128 and Q8_128 are Q4_0 and Q8_0 whose neighbouring blocks have one scale.
"""

import pathlib

import gguf
import numpy as np

WEIGHTS = 256
BLOCK_WEIGHTS = 1024
HERE = pathlib.Path(__file__).parent

# Where a block's f16 numbers lie. Q8_K has a float32 scale, MXFP4 an exponent.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "IQ4_NL": [0], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "Q2_K": [80, 82], "Q3_K": [108], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
          "MXFP4": []}


def quantised(name: str, random: np.random.Generator) -> None:
    kind = gguf.GGMLQuantizationType[name]
    # Blocks of different magnitude; one of zeros.
    floats = random.standard_normal((WEIGHTS // 32, 32)).astype(np.float32)
    floats *= np.float32(10.0) ** np.arange(-4, 4, dtype=np.float32)[:, None]
    floats[5] = 0
    floats = floats.reshape(1, WEIGHTS)
    blocks = gguf.quants.quantize(floats, kind)
    back = gguf.quants.dequantize(blocks, kind).astype(np.float32)
    (HERE / f"{name}.bin").write_bytes(floats.tobytes() + blocks.tobytes() + back.tobytes())


def random_blocks(name: str, random: np.random.Generator) -> None:
    kind = gguf.GGMLQuantizationType[name]
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCK_WEIGHTS // weights, size), dtype=np.uint8)
    for at in HALVES[name]:
        halves = random.integers(0, 1 << 16, blocks.shape[0], dtype=np.uint16) & 0xBFFF
        blocks[:, at : at + 2] = halves[:, None].view(np.uint8)
    if name == "MXFP4":
        blocks[:, 0] = random.integers(100, 140, blocks.shape[0])
    back = gguf.quants.dequantize(blocks.reshape(1, -1), kind).astype(np.float32)
    (HERE / f"{name}.blocks").write_bytes(blocks.tobytes() + back.tobytes())


def grouped(name: str, base: str, parts: int, random: np.random.Generator) -> None:
    kind = gguf.GGMLQuantizationType[base]
    code_bytes = gguf.GGML_QUANT_SIZES[kind][1] - 2
    codes = random.integers(0, 256, (BLOCK_WEIGHTS // (32 * parts), parts, code_bytes), dtype=np.uint8)
    halves = (random.integers(0, 1 << 16, len(codes), dtype=np.uint16) & 0xBFFF)[:, None].view(np.uint8)
    repeated = np.repeat(halves[:, None, :], parts, axis=1)
    plain = np.concatenate((repeated, codes), axis=2).reshape(1, -1)
    back = gguf.quants.dequantize(plain, kind).astype(np.float32)
    blocks = np.concatenate((halves, codes.reshape(len(codes), -1)), axis=1)
    (HERE / f"{name}.blocks").write_bytes(blocks.tobytes() + back.tobytes())


def main() -> None:
    random = np.random.default_rng(7)
    for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        quantised(name, random)
    for index, name in enumerate(HALVES):
        random_blocks(name, np.random.default_rng(100 + index))
    grouped("Q4_64", "Q4_0", 2, np.random.default_rng(200))
    grouped("Q4_128", "Q4_0", 4, np.random.default_rng(201))
    grouped("Q8_128", "Q8_0", 4, np.random.default_rng(202))


if __name__ == "__main__":
    main()
