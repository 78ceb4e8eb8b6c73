"""quantize and make-model: what they write can be read, run and repeated."""

import os
import shutil
import subprocess
import time
import unittest

import support
import tiny_model


def anonymous_bytes(pid):
    """What a process holds that is no file's; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))
    except ProcessLookupError:
        return 0


class Quantize(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.path("f32.gguf", tiny_model.model_bytes(template=support.TEMPLATE))

    def test_reports_every_tensor(self):
        for kind, limit in (("q8_0", 0.01), ("q4_0", 0.12)):
            output = self.path(kind + ".gguf")
            report = self.ok_json("quantize", self.model, "-o", output, "--type", kind)
            self.assertEqual(report["bytes"], os.path.getsize(output))
            self.assertEqual(len(report["tensors"]), 21)
            for tensor in report["tensors"]:
                matrix = not tensor["name"].endswith("norm.weight")
                self.assertEqual(tensor["relative_rms_error"] > 0, matrix, tensor)
                self.assertLess(tensor["relative_rms_error"], limit)
            kinds = {tensor["name"]: tensor["to"] for tensor in report["tensors"]}
            self.assertEqual(kinds["blk.0.ffn_up.weight"], kind.upper())
            self.assertEqual(kinds["token_embd.weight"], "Q8_0")
            self.assertEqual(kinds["output_norm.weight"], "F32")

    def test_what_comes_out_runs_and_is_smaller(self):
        sizes = [os.path.getsize(self.model)]
        for kind in ("q8_0", "q4_0"):
            output = self.path(kind + ".gguf")
            text = self.ok("quantize", self.model, "-o", output, "--type", kind)
            self.assertIn("blk.1.attn_v.weight", text)
            self.ok("run", "-m", output, "-p", "hello", "-n", "4")
            sizes.append(os.path.getsize(output))
        self.assertEqual(sizes, sorted(sizes, reverse=True))

    def test_groups_larger_than_a_block_come_packed(self):
        sizes = []
        for kind in ("q8_128", "q4_0", "q4_64", "q4_128"):
            output = self.path(kind + ".gguf")
            report = self.ok_json("quantize", self.model, "-o", output, "--type", kind)
            self.assertEqual(report["bytes"], os.path.getsize(output))
            sizes.append(sum(tensor["bytes"] for tensor in report["tensors"]))
            kinds = {tensor["name"]: tensor["to"] for tensor in report["tensors"]}
            self.assertEqual(kinds["blk.0.ffn_down.weight"], kind.upper())  # 128 columns; the others have 64.
            self.assertEqual(kinds["blk.0.attn_q.weight"], {"q4_128": "Q4_64", "q8_128": "Q8_0"}.get(kind, kind.upper()))
            self.ok("run", "-m", output, "-p", "hello", "-n", "4", "--temp", "0")
            if kind != "q4_0":
                self.assertIn("panel16", self.ok("info", output))
                self.ok("info", output, "--verify")
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(len(set(sizes)), 4)
        self.assertEqual([name for name in os.listdir(self.folder) if "partial" in name], [])

    def test_embeddings_have_a_type_of_their_own(self):
        kinds = {}
        for kind in ("q8_0", "q4_64"):
            output = self.path(kind + ".gguf")
            report = self.ok_json("quantize", self.model, "-o", output, "--type", "q4_0", "--embeddings", kind)
            kinds[kind] = {tensor["name"]: tensor["to"] for tensor in report["tensors"]}
            self.ok("run", "-m", output, "-p", "hello", "-n", "4", "--temp", "0")
        changed = {name for name, to in kinds["q4_64"].items() if to != kinds["q8_0"][name]}
        self.assertIn("token_embd.weight", changed)
        self.assertEqual({kinds["q4_64"][name] for name in changed}, {"Q4_64"})
        self.assertEqual(kinds["q4_64"]["blk.0.attn_q.weight"], "Q4_0")
        self.refused(2, "quantize", self.model, "-o", self.path("x.gguf"), "--type", "q4_0", "--embeddings", "q4_k", says="q4_64")

    def test_types_between(self):
        for kind in ("q5_0", "iq4_nl"):
            output = self.path(kind + ".gguf")
            self.ok("quantize", self.model, "-o", output, "--type", kind)
            self.ok("run", "-m", output, "-p", "hello", "-n", "4")
        self.refused(2, "quantize", self.model, "-o", self.path("x.gguf"), "--type", "iq4_nl", "--prune", "0.3", says="zero")

    def test_threads_do_not_show(self):
        contents = set()
        for threads in (1, 2, 3):
            output = self.path(f"{threads}.gguf")
            self.ok("quantize", self.model, "-o", output, "--type", "q4_0", "--threads", threads)
            with open(output, "rb") as file:
                contents.add(file.read())
        self.assertEqual(len(contents), 1)

    def test_calibrates_with_texts(self):
        texts = self.path("texts.jsonl", b'{"text": "hello there"}\n\n{"messages": [{"role": "user", "content": "hello"}]}\n' * 40)
        errors = {}
        for method in ("rtn", "gptq", "awq", "awq+gptq"):
            output = self.path(method + ".gguf")
            report = self.ok_json("quantize", self.model, "-o", output, "--type", "q4_0", "--calibration", texts, "--method", method)
            errors[method] = sum(tensor.get("relative_output_error", 0) ** 2 for tensor in report["tensors"])
            self.ok("run", "-m", output, "-p", "hello", "-n", "4")
        self.assertLess(errors["gptq"], 0.7 * errors["rtn"])
        self.assertLess(errors["awq+gptq"], 0.7 * errors["rtn"])

    def test_refuses_bad_calibration(self):
        for line in (b"[]\n", b'{"other": 1}\n', b"{\n", b"\n"):
            texts = self.path("texts.jsonl", line)
            self.refused(2, "quantize", self.model, "-o", self.path("out.gguf"), "--type", "q4_0", "--calibration", texts, says="texts.jsonl")
        self.refused(2, "quantize", self.model, "-o", self.path("out.gguf"), "--type", "q4_0", "--method", "gptq", says="calibration")
        self.assertFalse(os.path.exists(self.path("out.gguf")))

    def test_reads_zstd_streams(self):
        zstd = shutil.which("zstd")
        if zstd is None:
            self.skipTest("no zstd program")
        packed = self.path("f32.gguf.zst")
        subprocess.run([zstd, "-q", self.model, "-o", packed], check=True)
        contents = set()
        for model in (self.model, packed):
            output = self.path("out.gguf")
            self.ok("quantize", model, "-o", output, "--type", "q4_0")
            with open(output, "rb") as file:
                contents.add(file.read())
        self.assertEqual(len(contents), 1)
        with open(packed, "rb") as file:
            whole = file.read()
        os.remove(self.path("out.gguf"))
        for name, data in (("cut.gguf.zst", whole[:-9]), ("text.gguf.zst", b"no zstd at all, but long enough"), ("empty.gguf.zst", b"")):
            self.refused(3, "quantize", self.path(name, data), "-o", self.path("out.gguf"), "--type", "q4_0", says=name)
        self.assertEqual([name for name in os.listdir(os.path.dirname(packed)) if name.startswith("out.gguf")], [])

    def test_keeps_to_a_budget(self):
        sizes = {}
        for kind in ("q8_0", "q4_0"):
            sizes[kind] = self.ok_json("quantize", self.model, "-o", self.path("x.gguf"), "--type", kind)["bytes"]
        budget = (sizes["q8_0"] + sizes["q4_0"]) // 2
        report = self.ok_json("quantize", self.model, "-o", self.path("x.gguf"), "--type", "q4_0", "--target-size", budget)
        self.assertLessEqual(report["bytes"], budget)
        self.assertGreater(report["bytes"], sizes["q4_0"])
        self.refused(4, "quantize", self.model, "-o", self.path("y.gguf"), "--type", "q4_0", "--target-size", 1000)

    @unittest.skipIf(support.EMULATOR or not os.path.exists(support.COUNTING_ALLOCATOR), "memory is the emulator's, or a sanitizer's")
    def test_takes_thirty_mebibytes_beside_the_file(self):
        model = self.path("hollow.gguf")
        tiny_model.write_hollow_model(model, tiny_model.F32, 16384)  # 256 MiB.
        process = self.start("quantize", model, "-o", self.path("out.gguf"), "--type", "q4_0", "--threads", "1")
        largest = 0
        while process.poll() is None:
            largest = max(largest, anonymous_bytes(process.pid))
            time.sleep(0.002)
        self.assertEqual(process.returncode, 0, process.communicate()[1])
        self.assertGreater(largest, 1 << 20)
        self.assertLess(largest, 30 << 20)

    def test_refuses_what_is_quantised_already(self):
        model = self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0))
        self.refused(3, "quantize", model, "-o", self.path("out.gguf"), "--type", "q8_0", says="q4.gguf")
        self.ok("pack", model, "-o", self.path("packed.gguf"))
        self.refused(2, "quantize", self.path("packed.gguf"), "-o", self.path("out.gguf"), "--type", "q8_0")
        self.assertFalse(os.path.exists(self.path("out.gguf")))


class MakeModel(support.CommandTest):
    def test_runs_and_repeats(self):
        contents = []
        for seed in ("1", "1", "2"):
            output = self.path("made.gguf")
            self.assertIn("parameters", self.ok("make-model", "--like", "tiny", "--type", "q4_0", "--seed", seed, "-o", output))
            with open(output, "rb") as file:
                contents.append(file.read())
        self.assertEqual(contents[0], contents[1])
        self.assertNotEqual(contents[0], contents[2])
        self.ok("run", "-m", output, "-p", "hello", "-n", "4", "--raw")

    def test_every_type(self):
        for kind in ("f32", "f16", "q8_0", "q4_0", "q4_1"):
            output = self.path(kind + ".gguf")
            self.ok("make-model", "--like", "tiny", "--type", kind, "-o", output)
            self.ok("bench", "-m", output, "-p", "4", "-n", "2", "-r", "1")

    def test_refusals(self):
        self.refused(2, "make-model", "--like", "nothing", "--type", "q4_0", "-o", self.path("x.gguf"), says="nothing")
        self.refused(2, "make-model", "--like", "tiny", "--type", "q99", "-o", self.path("x.gguf"), says="q99")
        self.refused(5, "make-model", "--like", "tiny", "--type", "f32", "-o", self.path("no/x.gguf"), says="no/x.gguf")
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
