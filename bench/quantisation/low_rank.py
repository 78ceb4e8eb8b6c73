"""Judges low-rank compensation of INT4 weights against spending the same bytes on more bits.

    python low_rank.py smollm2-f32.gguf [--layers 3] [--ranks 4 8 16]

For each matrix W [rows, columns] of a few layers: Q4_0 by the `gguf` package; the largest `rank` singular directions of its
error, both factors in INT8 with one float16 scale a 32 numbers (8.5 bits a number). The same bytes buy Q8_0 for a part of
the matrix's rows: those that Q4_0 serves worst. Prints the relative root mean square error of each, in bits a weight.
"""
import argparse

import gguf
import numpy


def rounded(values, kind):
    """To a block format and back, rows padded to whole blocks of 32."""
    columns = values.shape[1]
    padded = numpy.zeros((values.shape[0], -(-columns // 32) * 32), numpy.float32)
    padded[:, :columns] = values
    return gguf.quants.dequantize(gguf.quants.quantize(padded, kind), kind)[:, :columns]


def low_rank(error, rank):
    left, sizes, right = numpy.linalg.svd(error, full_matrices=False)
    root = numpy.sqrt(sizes[:rank])
    kind = gguf.GGMLQuantizationType.Q8_0
    # Each factor is stored with its long side as rows of blocks.
    return rounded((left[:, :rank] * root).T.copy(), kind).T @ rounded(root[:, None] * right[:rank], kind)


def more_bits(weights, coarse, rows):
    worst = numpy.argsort(-((weights - coarse) ** 2).sum(axis=1))[:rows]
    better = coarse.copy()
    better[worst] = rounded(weights[worst], gguf.GGMLQuantizationType.Q8_0)
    return better


def compare(weights, rank):
    """(bits a weight, error of Q4_0, with low rank, with rows in Q8_0), errors relative."""
    rows, columns = weights.shape
    coarse = rounded(weights, gguf.GGMLQuantizationType.Q4_0)
    bits = 8.5 * rank * (rows + columns) / (rows * columns)
    raised = int(bits * rows / (8.5 - 4.5))
    candidates = (coarse, coarse + low_rank(weights - coarse, rank), more_bits(weights, coarse, raised))
    size = numpy.linalg.norm(weights)
    return (4.5 + bits, *(float(numpy.linalg.norm(weights - candidate) / size) for candidate in candidates))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 8, 16])
    options = parser.parse_args()
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(options.model).tensors}
    count = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blk."))
    print("| matrix | rank | bits a weight | Q4_0 | + low rank | rows in Q8_0 |\n|---|---|---|---|---|---|")
    wins = total = 0
    for layer in numpy.linspace(0, count - 1, options.layers).astype(int):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            name = f"blk.{layer}.{part}.weight"
            weights = tensors[name].data.astype(numpy.float32)
            for rank in options.ranks:
                bits, coarse, low, more = compare(weights, rank)
                print(f"| {name} | {rank} | {bits:.2f} | {coarse:.4f} | {low:.4f} | {more:.4f} |")
                wins += low < more
                total += 1
    print(f"\nlow rank wins {wins} of {total}")


if __name__ == "__main__":
    main()
