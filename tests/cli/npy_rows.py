"""NumPy's array files, read without NumPy."""

import ast
import math
import struct


def read_npy(path):
    """A float32 or int32 .npy file as (shape, flat tuple of numbers)."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert not header["fortran_order"]
    count = math.prod(header["shape"])
    return header["shape"], struct.unpack(f"<{count}{ {'<f4': 'f', '<i4': 'i'}[header['descr']] }", data[10 + length :])


def read_rows(path):
    """A float32 matrix as a list of rows."""
    (rows, columns), values = read_npy(path)
    return [values[i * columns : (i + 1) * columns] for i in range(rows)]
