"""embed: the vectors of transformers for the same sentences, however they are asked for."""

import os
import struct
import unittest

import support

DATA = os.path.join(support.SOURCE, "tests/data/models")
MODELS = ("bert-mean-f32", "bert-cls-f16", "nomic-bert-f32")


class Embed(support.CommandTest):
    def model(self, name):
        return os.path.join(DATA, name + ".gguf")

    def sentences(self):
        with open(os.path.join(DATA, "sentences.txt"), "rb") as file:
            return file.read()

    def assert_close(self, actual, expected):
        self.assertEqual(len(actual), len(expected))
        for row, wanted in zip(actual, expected):
            self.assertEqual(len(row), len(wanted))
            for x, y in zip(row, wanted):
                self.assertAlmostEqual(x, y, delta=1e-3)

    def test_embeddings_agree_with_the_reference(self):
        for name in MODELS:
            expected = support.read_rows(os.path.join(DATA, name + ".embeddings.npy"))
            output = self.path("vectors.npy")
            self.assertEqual(self.ok("embed", "-m", self.model(name), "--lines", "-o", output, input=self.sentences()), "")
            vectors = support.read_rows(output)
            self.assert_close(vectors, expected)
            for vector in vectors:
                self.assertAlmostEqual(sum(x * x for x in vector), 1.0, delta=1e-5)
            printed = self.ok("embed", "-m", self.model(name), "--lines", input=self.sentences())
            numbers = [float(x) for line in printed.splitlines() for x in line.split()]
            flat = [x for vector in vectors for x in vector]
            self.assertEqual(struct.pack(f"<{len(numbers)}f", *numbers), struct.pack(f"<{len(flat)}f", *flat))

    def test_json_and_one_text(self):
        report = self.ok_json("embed", "-m", self.model(MODELS[0]), "--text", "turn the lights on")
        self.assertEqual((report["texts"], report["dimensions"], report["tokens"]), (1, 48, 7))
        expected = support.read_rows(os.path.join(DATA, MODELS[0] + ".embeddings.npy"))
        self.assert_close(report["embeddings"], expected[:1])

    def test_what_is_refused(self):
        long = "time " * 400
        self.refused(4, "embed", "-m", self.model(MODELS[0]), "--text", long, says=("402 tokens", "320"))
        self.refused(3, "embed", "-m", os.path.join(DATA, "llama-f16.gguf"), "--text", "a", says="not embeddings")
        self.refused(3, "run", "-m", self.model(MODELS[0]), "-p", "hello", says="linnet embed")


if __name__ == "__main__":
    unittest.main()
