"""bench and info: what they report, and in which keys."""

import math
import os
import unittest

import support
import tiny_model

BENCH_KEYS = {
    "device", "device_reason",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "load_ms",
    "first_token_ms",
    "anonymous_bytes",
    "mapped_bytes",
    "heap_allocations_per_token",
    "read_bandwidth_gb_s",
    "int8_peak_gop_s",
    "decode_fraction_of_bandwidth",
    "prefill_fraction_of_peak",
    "energy_source",
    "joules_per_token",
}


class Bench(support.ModelTest):
    def test_keys(self):
        report = self.ok_json("bench", "-m", self.model, "-p", "16", "-n", "4", "-r", "2")
        self.assertEqual(set(report), BENCH_KEYS)
        self.assertIsNone(report["heap_allocations_per_token"])
        self.assertIn(report["energy_source"], ("measured", "estimated", "absent"))
        self.assertEqual(report["joules_per_token"] is None, report["energy_source"] == "absent")
        for key in ("read_bandwidth_gb_s", "int8_peak_gop_s", "decode_fraction_of_bandwidth", "prefill_fraction_of_peak"):
            self.assertGreater(report[key], 0)
        report = self.ok_json("bench", "-m", self.model, "-p", "16", "-n", "4", "-r", "1", "--no-limits")
        self.assertIsNone(report["read_bandwidth_gb_s"])
        self.assertGreater(report["prefill_tokens_per_second"], 0)
        self.assertGreater(report["first_token_ms"], report["load_ms"])

    def test_profile(self):
        report = self.ok_json("bench", "-m", self.model, "-p", "16", "-n", "4", "-r", "2", "--profile")
        self.assertEqual(set(report), BENCH_KEYS | {"profile"})
        for part, steps, tokens in (("prefill", 1, 16), ("decode", 4, 4)):
            rows = {row["operation"]: row for row in report["profile"][part]}
            self.assertAlmostEqual(sum(row["share"] for row in rows.values()), 1, places=6)
            times = [row["ms"] for row in report["profile"][part]]
            self.assertEqual(times, sorted(times, reverse=True))
            # The program's own names, all layers together, and what each must cost.
            layers = tiny_model.LAYERS
            self.assertEqual(rows["down"]["calls"], layers * steps)
            self.assertEqual(rows["down"]["multiply_adds"], layers * tokens * tiny_model.FEED_FORWARD * tiny_model.WIDTH)
            self.assertGreaterEqual(rows["down"]["bytes"], layers * steps * tiny_model.FEED_FORWARD * tiny_model.WIDTH)
            self.assertGreater(rows["down"]["fraction_of_peak"], 0)
            self.assertEqual(rows["silu"]["multiply_adds"], 0)
        text = self.ok("bench", "-m", self.model, "-p", "16", "-n", "4", "-r", "1", "--profile", "--no-limits")
        self.assertRegex(text, r"prefill: [0-9.]+ ms; of them, read and computed a second\n")
        self.assertRegex(text, r"  down +[0-9.]+ %  +[0-9.]+ GB/s  +[0-9.]+ Gop/s\n")

    @unittest.skipUnless(
        os.path.exists(support.COUNTING_ALLOCATOR) and not support.EMULATOR,
        "no counting allocator in this build, or not for the emulator itself",
    )
    def test_allocations_a_token(self):
        for more in ([], ["-b", "3"]):
            report = self.ok_json(
                "bench", "-m", self.model, "-p", "16", "-n", "32", "-r", "2", *more,
                environment={"LD_PRELOAD": support.COUNTING_ALLOCATOR},
            )
            self.assertEqual(report["heap_allocations_per_token"], 0)

    def test_depth_and_batch(self):
        for more in (["-p", "8", "-d", "50"], ["-p", "8", "-b", "3"], ["-p", "130", "-d", "20", "-b", "2"]):
            self.assertIn("tokens/s", self.ok("bench", "-m", self.model, "-n", "4", "-r", "1", *more))

    def test_too_long_for_the_model(self):
        self.refused(4, "bench", "-m", self.model, "-p", "300", "-n", "4", "-r", "1")


class Info(support.ModelTest):
    def test_says_what_it_is_and_whether_it_fits(self):
        text = self.ok("info", self.model)
        for words in ("llama", "tiny test model", "F32", "it fits", "blk.1.ffn_down.weight", "llama.block_count = 2"):
            self.assertIn(words, text)
        self.assertIn("does not fit", self.ok("info", self.model, "--mem-budget", "1K"))
        vocabulary = self.path("v.gguf", tiny_model.model_bytes(vocabulary_only=True))
        self.assertIn("Cannot be run", self.ok("info", vocabulary))

    def test_what_it_is_and_what_it_costs(self):
        data = os.path.join(support.SOURCE, "tests/data/models")
        encoder = self.ok("info", os.path.join(data, "bert-mean-f32.gguf"))
        self.assertIn("embeddings of 48 numbers, of texts of at most 320 tokens", encoder)
        self.assertIn("read by every token.", encoder)
        self.assertNotIn("Packed once", encoder, "floats are mapped as they are")
        mixture = self.ok("info", os.path.join(data, "gpt-oss-mxfp4.gguf"))
        self.assertIn("text; made for 4096 positions", mixture)
        self.assertRegex(mixture, r"Weights: .* in use, .* a token\.")
        self.assertIn("Packed once, at its first run, into the cache directory; MXFP4 becomes Q5_0.", mixture)

    def test_plan(self):
        text = self.ok("info", self.model, "--plan", "--ctx", "100")
        self.assertIn("KV cache", text)
        self.refused(3, "info", self.path("v.gguf", tiny_model.model_bytes(vocabulary_only=True)), "--plan")

    def test_json(self):
        report = self.ok_json("info", self.model, "--ctx", "100")
        self.assertEqual(report["architecture"], "llama")
        self.assertEqual(report["metadata"]["llama.block_count"], 2)
        self.assertEqual(report["metadata"]["general.name"], "tiny test model")
        self.assertEqual(len(report["tensors"]), 21)
        self.assertEqual(report["plan"]["context"], 100)
        self.assertTrue(report["fits"])
        rows = report["plan"]["rows"]
        self.assertEqual(sum(row["bytes"] for row in rows if row["kind"] == "anonymous"), report["plan"]["anonymous_bytes"])
        weights = sum(math.prod(tensor["shape"]) for tensor in report["tensors"])
        self.assertEqual(report["parameters"], weights)

    def test_verify_finds_a_changed_byte(self):
        self.ok("pack", self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0)), "-o", self.path("packed.gguf"))
        # The model's 21 tensors and the tokenizer's tables.
        self.assertIn("22 tensors", self.ok("info", self.path("packed.gguf"), "--verify"))
        self.assertEqual(self.ok_json("info", self.path("packed.gguf"), "--verify")["verified_tensors"], 22)
        with open(self.path("packed.gguf"), "r+b") as file:
            file.seek(-5000, os.SEEK_END)
            byte = file.read(1)
            file.seek(-5000, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        self.refused(3, "info", self.path("packed.gguf"), "--verify", says="packed.gguf")
        self.refused(2, "info", self.model, "--verify", says="model.gguf")


if __name__ == "__main__":
    unittest.main()
