#!/usr/bin/python3
"""bench/cuda/models.py: a whole run with the processor in the GPU's place, and what it does where a number is another."""
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
LINNET = pathlib.Path(os.environ["LINNET_BIN"])
sys.path.insert(0, str(SOURCE / "bench/cuda"))

import models  # noqa: E402

models.PROMPT, models.GENERATE, models.DEPTH, models.SENTENCES = 32, 8, 64, 1


class Models(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.bundle = pathlib.Path(self.folder.name)
        (self.bundle / "bin").mkdir()
        (self.bundle / "models").mkdir()
        (self.bundle / "bin/linnet").symlink_to(LINNET)
        (self.bundle / "models/pilot").symlink_to(SOURCE / "models/pilot")
        for name in models.LOGITS:
            (self.bundle / f"models/{name}.gguf").symlink_to(SOURCE / f"tests/data/models/{name}.gguf")

    def run_it(self, *more):
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            status = models.main([str(self.bundle), str(self.bundle / "out.json"), "--device", "cpu", *more])
        return status, told.getvalue(), json.loads((self.bundle / "out.json").read_text())

    def test_the_processor_agrees_with_itself(self):
        limits = self.bundle / "kernels.json"
        limits.write_text('[{"what": "limit: copy", "ms": 1.0, "rate": 50.00, "unit": "GB/s", "fraction": 1.0}]')
        status, told, figures = self.run_it("--shapes", "tiny", "--limits", str(limits))
        self.assertEqual(status, 0)
        self.assertEqual([row["difference"] for row in figures["logits"]], [0] * len(models.LOGITS))
        self.assertEqual([row["ok"] for row in figures["answers"]], [True, True])
        self.assertEqual([(row["shape"], row["type"], row["device"]) for row in figures["speed"]],
                         [("tiny", "q4_0", "cpu"), ("tiny", "q8_0", "cpu")])
        for row in figures["speed"]:
            share = row["decode_tokens_per_second"] * row["bytes_a_token"] / 50e9
            self.assertAlmostEqual(row["decode_share_of_copy"], share)
            self.assertGreater(row["bytes_a_token"], 100_000)
            self.assertGreater(min(row["decode_at_depth"].values()), 0)
            self.assertGreater(min(row["prefill_in_f16"], row["decode_without_early_starts"]), 0)
        self.assertIn("greedy answers of the pilot: 2 of 2", told)
        self.assertIn("decode of tiny q8_0", told)

    def test_another_logit_is_told_and_fails(self):
        compare = models.floats_of
        self.addCleanup(setattr, models, "floats_of", compare)
        calls = []

        def changed(path):
            numbers = compare(path)
            calls.append(path)
            if len(calls) == 2:
                numbers[7] += 0.5
            return numbers

        models.floats_of = changed
        status, told, figures = self.run_it("--shapes", "")
        self.assertEqual(status, 1)
        self.assertAlmostEqual(figures["logits"][0]["difference"], 0.5, places=5)
        self.assertIn("NOT the processor's", told.splitlines()[0])

    def test_a_device_that_is_not_there_is_an_error(self):
        os.environ["LINNET_CUDA_FOLDER"] = self.folder.name  # Without kernels, should there be a driver.
        self.addCleanup(os.environ.pop, "LINNET_CUDA_FOLDER")
        with self.assertRaises(SystemExit) as refused:
            models.main([str(self.bundle), str(self.bundle / "out.json"), "--device", "cuda"])
        self.assertRegex(str(refused.exception), "^models.py: linnet logits .*: .*CUDA")


if __name__ == "__main__":
    unittest.main()
