#!/usr/bin/env python3
"""Writes the seeds from which the corpora of fuzz_gguf and fuzz_packed_view grew: small files that use every value type,
and packed ones.

    make_gguf_seeds.py FOLDER && fuzz_gguf -max_len=4096 FOLDER
    fuzz_gguf -merge=1 -use_counters=0 tests/data/fuzz/gguf FOLDER     (fuzz_packed_view alike, -max_len=12288)
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


def packed(kind: str, rows: int, columns: int, size: int, type_id: int) -> bytes:
    """One matrix in panels and one vector, as models/pack lays them out."""
    keys = "linnet.pack.tensor."
    entries = [
        string("general.architecture", "llama"),
        scalar("linnet.pack.version", 4, 1),
        string("linnet.pack.layout", "panel16"),
        scalar("linnet.pack.alignment", 4, 0),
        array(keys + "names", 8, ["a.weight", "b"]),
        array(keys + "types", 8, [kind, "F32"]),
        array(keys + "dims", 10, [columns, rows, 0, 0, 1, 0, 0, 0]),
        array(keys + "layouts", 8, ["panel16" if type_id == 24 else "rows", "rows"]),
        array(keys + "blake2b", 8, ["0" * 64, "f" * 64]),
        scalar("general.alignment", 4, 4096),
    ]
    dims = [size] if type_id == 24 else [columns, rows]
    end = -(-size // 4096) * 4096
    return model(entries, [tensor("a.weight", dims, type_id, 0), tensor("b", [1], 0, end)], bytes(end + 4), alignment=4096)


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
        "packed_q8_0": packed("Q8_0", 20, 32, 2 * 544, 24),
        "packed_q4_0": packed("Q4_0", 16, 64, 2 * 288, 24),
        "packed_q4_1": packed("Q4_1", 1, 32, 320, 24),
        "packed_rows": packed("F16", 2, 3, 12, 1),
    }
    for name, content in seeds.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
