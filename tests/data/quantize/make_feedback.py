"""An independent account of error feedback, for tests/models/quantize/error_feedback_test.cc.

    LINNET_PRINT_GOLDENS=1 build/release/bin/quantize_test --gtest_filter=ErrorFeedback.AgreesWithTheReference > scales.txt
    python make_feedback.py scales.txt > feedback.txt

Where the program takes a triangular factor of the inverse and walks its rows, this removes one column after another from
the explicit inverse of the damped Gram matrix, as optimal brain surgeon has it (Hassibi and Stork 1993), in float64.
The scales of the blocks are the program's own (they are its choice, judged by another test); the codes are found here.
"""
import sys

import numpy

ROWS, COLUMNS, SAMPLES, BLOCK, DAMPING = 6, 96, 256, 32, 0.01


def integers(count, state):
    """The generator of the test: whole numbers from -128 to 127."""
    numbers = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        numbers.append((state >> 24) - 128)
    return numpy.array(numbers, dtype=numpy.float64)


def layer():
    weights = integers(ROWS * COLUMNS, 1).reshape(ROWS, COLUMNS) / 1024
    inputs = integers(SAMPLES * COLUMNS, 2).reshape(SAMPLES, COLUMNS)
    # Neighbours share much, and columns differ in size.
    mixed = inputs + numpy.roll(inputs, 1, axis=1) + numpy.roll(inputs, 2, axis=1)
    sizes = 1 + (numpy.arange(COLUMNS) * 7) % 5
    return weights, mixed * sizes / 256


def column_order(gram):
    size = numpy.diag(gram)
    order = []
    for block in sorted(range(COLUMNS // BLOCK), key=lambda b: -size[b * BLOCK:(b + 1) * BLOCK].sum()):
        order += sorted(range(block * BLOCK, (block + 1) * BLOCK), key=lambda column: -size[column])
    return order


def round_with_feedback(weights, gram, scales):
    """scales [rows, blocks] -> codes [rows, columns]"""
    inverse = numpy.linalg.inv(gram + DAMPING * numpy.diag(gram).mean() * numpy.eye(COLUMNS))
    left = weights.copy()
    codes = numpy.zeros(weights.shape, dtype=int)
    for column in column_order(gram):
        scale = scales[:, column // BLOCK]
        code = numpy.clip(numpy.rint(left[:, column] / scale), -8, 7)
        codes[:, column] = code
        error = (left[:, column] - scale * code) / inverse[column, column]
        left -= numpy.outer(error, inverse[column])
        inverse -= numpy.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return codes


def main():
    weights, inputs = layer()
    with open(sys.argv[1], encoding="ascii") as file:
        rows = [line.split()[1:] for line in file if line.startswith("scales ")]
    scales = numpy.array(rows, dtype=numpy.float64)
    for row, codes in zip(scales, round_with_feedback(weights, inputs.T @ inputs, scales)):
        print("scales", *(repr(float(scale)) for scale in row))
        print("codes", *codes)


if __name__ == "__main__":
    main()
