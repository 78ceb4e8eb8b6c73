#!/usr/bin/env python3
"""Writes the seeds from which the corpus of fuzz_gguf grew: small valid files that use every value type.

    make_gguf_seeds.py FOLDER && fuzz_gguf -max_len=4096 FOLDER; fuzz_gguf -merge=1 tests/data/fuzz/gguf FOLDER
"""
import struct
import sys
from pathlib import Path

SCALARS = "BbHhIif?"  # Types 0 to 7 as struct codes; 8 is a string, 9 an array, 10 to 12 are Q, q, d.


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def scalar(key: str, kind: int, value) -> bytes:
    code = SCALARS[kind] if kind < 8 else "Qqd"[kind - 10]
    return text(key) + struct.pack("<I", kind) + struct.pack("<" + code, value)


def string(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


def array(key: str, kind: int, values) -> bytes:
    code = (SCALARS + "..Qqd")[kind]
    payload = b"".join(text(v) if kind == 8 else struct.pack("<" + code, v) for v in values)
    return text(key) + struct.pack("<IIQ", 9, kind, len(values)) + payload


def tensor(name: str, dims, kind: int, offset: int) -> bytes:
    return text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, offset)


def model(entries, tensors=(), data=b"", version=3, alignment=32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries) + b"".join(tensors)
    return head + b"\0" * (-len(head) % alignment if data else 0) + data


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    llama = string("general.architecture", "llama")
    seeds = {
        "empty": model([]),
        "scalars": model([scalar(f"k{kind}", kind, 1) for kind in (*range(8), 10, 11, 12)]),
        "arrays": model([array(f"a{kind}", kind, [1, 0]) for kind in (*range(8), 10, 11, 12)]),
        "strings": model([llama, array("tokens", 8, ["a", "", "bc"])], version=2),
        "tensors": model([llama], [tensor("a", [4], 0, 0), tensor("b", [32, 2], 2, 32)], bytes(68)),
        "aligned": model([scalar("general.alignment", 4, 64)], [tensor("a", [256], 14, 0), tensor("b", [1, 1, 1, 2], 30, 256)],
                         bytes(260), alignment=64),
        "removed": model([], [tensor("a", [32], 31, 0)], bytes(32)),
        "big_endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "version_1": model([], version=1),
    }
    for name, content in seeds.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
