#!/usr/bin/env python3
"""Compares the files that Linnet writes, and what it reads, with the `gguf` Python package.

    gguf_package_test.py FILES_TOOL

Run by ctest with $LINNET_PYTHON, or python3; skips (exit 77) loudly where the package is absent.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing}: nothing was compared. Set LINNET_PYTHON to an interpreter that has the 'gguf' package.")
    sys.exit(77)


def dequantized(tensor) -> np.ndarray:
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)


def tensors_of(path: Path) -> dict:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def strings_of(reader, key: str) -> list:
    return reader.get_field(key).contents()


def check_plain(path: Path) -> None:
    reader = gguf.GGUFReader(path)
    assert reader.get_field("general.architecture").contents() == "llama"
    assert reader.get_field("llama.block_count").contents() == 2
    tokens = strings_of(reader, "tokenizer.ggml.tokens")
    assert len(tokens) == 512 and len(set(tokens)) == 512
    assert len(strings_of(reader, "tokenizer.ggml.merges")) == 512 - 256 - 3
    for tensor in reader.tensors:
        values = dequantized(tensor)
        assert np.isfinite(values).all(), tensor.name
        if tensor.name.endswith("ffn_up.weight"):
            assert values.shape == (256, 128) and abs(values.std() - 128**-0.5) < 0.02


# The layout as ARCHITECTURE.md states it, written again here: bytes of panels -> weights [rows, columns].
def weights_of_panels(data: np.ndarray, kind: str, rows: int, columns: int) -> np.ndarray:
    size = {"Q8_0": 544, "Q4_0": 288, "Q4_1": 320}[kind]
    out = np.zeros(((rows + 15) // 16 * 16, columns))
    blocks = data.view(np.uint8).reshape(-1, columns // 32, size)
    for panel in range(blocks.shape[0]):
        for block in range(columns // 32):
            raw = blocks[panel, block]
            scales = raw[:32].view(np.float16).astype(np.float64)
            for row in range(16):
                codes = np.zeros(32)
                if kind == "Q8_0":
                    for column in range(32):
                        codes[column] = raw[32 + 64 * (column // 4) + 4 * row + column % 4].view(np.int8)
                    values = codes * scales[row]
                else:
                    header = 32 if kind == "Q4_0" else 64
                    for column in range(32):
                        byte = raw[header + 64 * (column // 8) + 4 * row + column % 4]
                        codes[column] = byte >> 4 if column % 8 >= 4 else byte & 15
                    if kind == "Q4_0":
                        values = (codes - 8) * scales[row]
                    else:
                        values = codes * scales[row] + raw[32:64].view(np.float16).astype(np.float64)[row]
                out[panel * 16 + row, block * 32 : block * 32 + 32] = values
    assert not out[rows:].any()
    return out[:rows]


def check_packed(folder: Path, kind: str) -> None:
    plain = tensors_of(folder / f"{kind}.gguf")
    reader = gguf.GGUFReader(folder / f"{kind}.packed.gguf")
    layouts = strings_of(reader, "linnet.pack.tensor.layouts")
    types = strings_of(reader, "linnet.pack.tensor.types")
    in_panels = 0
    for index, tensor in enumerate(reader.tensors):
        before = plain[tensor.name]
        assert tensor.data_offset % 4096 == 0
        if layouts[index] == "rows":
            assert tensor.tensor_type == before.tensor_type and np.array_equal(tensor.data, before.data)
            continue
        in_panels += 1
        columns, rows = (int(n) for n in before.shape)
        weights = weights_of_panels(tensor.data, types[index], rows, columns)
        # One rounding apart: the package multiplies in float32.
        assert np.allclose(weights, dequantized(before), rtol=1e-6, atol=1e-7), tensor.name
    assert (in_panels > 0) == (kind.startswith("q"))
    assert (folder / f"{kind}.unpacked.gguf").read_bytes() == (folder / f"{kind}.gguf").read_bytes()


def check_quantised(folder: Path, kind: str) -> None:
    before = tensors_of(folder / "f32.gguf")
    after = tensors_of(folder / f"f32_to_{kind}.gguf")
    reported = dict(line.split() for line in (folder / f"f32_to_{kind}.errors").read_text().splitlines())
    assert set(before) == set(after) == set(reported)
    for name, tensor in after.items():
        original = dequantized(before[name])
        error = np.linalg.norm(original - dequantized(tensor)) / np.linalg.norm(original)
        assert abs(error - float(reported[name])) < 1e-6, (name, error, reported[name])
        if tensor.tensor_type.name in ("Q8_0", "Q4_0"):
            plain = gguf.quants.dequantize(gguf.quants.quantize(original.astype(np.float32), tensor.tensor_type), tensor.tensor_type)
            assert error < np.linalg.norm(original - plain) / np.linalg.norm(original), name


def run_tool(tool: str, *arguments: str) -> list:
    """Lines that files_tool prints; $LINNET_EMULATOR stands before programs of another architecture."""
    command = [*os.environ.get("LINNET_EMULATOR", "").split(), tool, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def check_reading(tool: str, folder: Path) -> None:
    path = folder / "package.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("test.uint32", 4000000000)
    writer.add_int64("test.int64", -(1 << 40))
    writer.add_float32("test.float32", 0.5)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "a string")
    writer.add_array("test.strings", ["one", "two"])
    writer.add_array("test.int32s", [-1, 2])
    writer.add_tensor("a.weight", np.arange(12, dtype=np.float32).reshape(3, 4))
    q8 = gguf.quants.quantize(np.ones((2, 64), dtype=np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("b.weight", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shown = run_tool(tool, "show", str(path))
    for line in (
        "key general.architecture = llama",
        "key test.uint32 = 4000000000",
        f"key test.int64 = {-(1 << 40)}",
        "key test.float32 = 0.5",
        "key test.bool = true",
        "key test.string = a string",
        'key test.strings = ["one", "two"]',
        "key test.int32s = [-1, 2]",
    ):
        assert line in shown, (line, shown)
    for tensor in gguf.GGUFReader(path).tensors:
        dims = " ".join(str(int(n)) for n in tensor.shape)
        line = f"tensor {tensor.name} {tensor.tensor_type.name} {dims} @ {tensor.data_offset} + {tensor.n_bytes}"
        assert line in shown, (line, shown)


def check_types(tool: str, folder: Path) -> None:
    """A file with one block of every type that the package knows: names and sizes agree."""
    path = folder / "types.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for kind, (_, size) in gguf.GGML_QUANT_SIZES.items():
        writer.add_tensor(f"{kind.name}", np.zeros((1, size), dtype=np.uint8), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shown = run_tool(tool, "show", str(path))
    for kind, (weights, size) in gguf.GGML_QUANT_SIZES.items():
        assert any(line.startswith(f"tensor {kind.name} {kind.name} {weights} 1 @ ") and line.endswith(f" + {size}") for line in shown), kind


def main() -> None:
    tool = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_tool(tool, "write", name)
        for kind in ("f32", "f16", "q8_0", "q4_0", "q4_1"):
            check_plain(folder / f"{kind}.gguf")
            check_packed(folder, kind)
        check_quantised(folder, "q8_0")
        check_quantised(folder, "q4_0")
        check_reading(tool, folder)
        check_types(tool, folder)
    print("agrees with the gguf package")


if __name__ == "__main__":
    main()
