"""logits: agreement with the reference implementation, chunks, bad ids."""

import os
import unittest

import support
import tiny_model


DATA = os.path.join(support.SOURCE, "tests/data/models")

# Largest difference to transformers in float32, as tests/engine/reference_test.cc holds the engine to; for quantised
# files the reference rounds activations as Linnet does.
GOLDENS = [("llama-f32", "logits", 1e-3), ("qwen2-f32", "logits", 1e-3), ("qwen3-f32", "logits", 1e-3)]
GOLDENS += [(name, "exact", 1.5e-2) for name in ("llama-q8_0", "llama-q4_0", "qwen2-q4_1", "qwen3-q8_0")]


class Goldens(support.CommandTest):
    """Through the command, file to file: what transformers computed with the same weights."""

    def logits(self, name, tokens):
        output = self.path(name + ".npy")
        self.ok("logits", "-m", f"{DATA}/{name}.gguf", "--tokens", ",".join(map(str, tokens)), "-o", output)
        return support.read_rows(output)

    def test_logits_agree(self):
        for name, golden, bound in GOLDENS:
            with self.subTest(name=name):
                tokens = support.read_npy(f"{DATA}/{name}.tokens.npy")[1]
                expected = support.read_rows(f"{DATA}/{name}.{golden}.npy")
                found = self.logits(name, tokens)
                self.assertEqual(len(found), len(expected))
                difference = max(abs(a - b) for x, y in zip(found, expected) for a, b in zip(x, y))
                self.assertLessEqual(difference, bound)

    def test_greedy_continuation_is_the_same(self):
        for name in ("llama-f32", "qwen2-f32", "qwen3-f32"):
            with self.subTest(name=name):
                prompt = support.read_npy(f"{DATA}/{name}.tokens.npy")[1]
                greedy = support.read_npy(f"{DATA}/{name}.greedy.npy")[1]
                rows = self.logits(name, prompt + greedy)[len(prompt) - 1 : -1]
                self.assertEqual(tuple(row.index(max(row)) for row in rows), greedy)


class Logits(support.ModelTest):
    def test_the_largest_logit_is_what_greedy_decoding_takes(self):
        report = self.ok_json("run", "-m", self.model, "-p", "hello", "-n", "1", "--raw")
        ids = self.ok("tokenize", "-m", self.model, "--text", "hello").split()
        self.assertEqual(self.ok("logits", "-m", self.model, "--tokens", ",".join(ids), "-o", self.path("l.npy")), "")
        rows = support.read_rows(self.path("l.npy"))
        self.assertEqual((len(rows), len(rows[0])), (len(ids), 260))
        self.assertEqual(rows[-1].index(max(rows[-1])), report["tokens"][0])

    def test_chunks_do_not_show(self):
        ids = [(i * 37) % 256 for i in range(100)]
        for count in (1, 31, 32, 33, 100):
            tokens = ",".join(map(str, ids[:count]))
            self.ok("logits", "-m", self.model, "--tokens", tokens, "-o", self.path(f"{count}.npy"))
        whole = support.read_rows(self.path("100.npy"))
        for count in (1, 31, 32, 33):
            self.assertEqual(support.read_rows(self.path(f"{count}.npy")), whole[:count])

    def test_bad_ids_and_places(self):
        self.refused(2, "logits", "-m", self.model, "--tokens", "260", "-o", self.path("x.npy"), says="260")
        self.refused(5, "logits", "-m", self.model, "--tokens", "1", "-o", self.path("no/x.npy"), says="no/x.npy")
        too_many = ",".join(["1"] * 300)
        self.refused(4, "logits", "-m", self.model, "--tokens", too_many, "-o", self.path("x.npy"))
        self.assertFalse(os.path.exists(self.path("x.npy")))


if __name__ == "__main__":
    unittest.main()
