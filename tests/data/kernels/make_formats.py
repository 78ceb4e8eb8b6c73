#!/usr/bin/env python3
"""Writes Q8_0.bin, Q4_0.bin, Q4_1.bin: 256 floats, their blocks, and the blocks de-quantised, by the `gguf` package."""

import pathlib

import gguf
import numpy as np

WEIGHTS = 256


def main() -> None:
    here = pathlib.Path(__file__).parent
    random = np.random.default_rng(7)
    for name in ("Q8_0", "Q4_0", "Q4_1"):
        kind = gguf.GGMLQuantizationType[name]
        # Blocks of different magnitude; one of zeros.
        floats = random.standard_normal((WEIGHTS // 32, 32)).astype(np.float32)
        floats *= np.float32(10.0) ** np.arange(-4, 4, dtype=np.float32)[:, None]
        floats[5] = 0
        floats = floats.reshape(1, WEIGHTS)
        blocks = gguf.quants.quantize(floats, kind)
        back = gguf.quants.dequantize(blocks, kind).astype(np.float32)
        (here / f"{name}.bin").write_bytes(floats.tobytes() + blocks.tobytes() + back.tobytes())


if __name__ == "__main__":
    main()
