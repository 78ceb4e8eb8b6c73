"""Models in several files and in compressed ones: the same answers as from one plain file."""

import os
import shutil
import subprocess
import unittest

import support
import tiny_model

ZSTD = shutil.which("zstd")
TEXTS = b'{"text": "hello there"}\n' * 20


class Source(support.CommandTest):
    def plain(self, kind, seed=1):
        parts = tiny_model.model_parts(kind, template=support.TEMPLATE, seed=seed)
        return self.path("plain.gguf", tiny_model.gguf_bytes(*parts)), parts

    def split(self, parts, count, name="split", skip=()):
        """Writes the parts and gives the path of the first."""
        for number, content in enumerate(tiny_model.split_bytes(*parts, count), 1):
            if number not in skip:
                self.path(f"{name}-{number:05}-of-{count:05}.gguf", content)
        return self.path(f"{name}-00001-of-{count:05}.gguf")

    def compressed(self, path, *options):
        subprocess.run([ZSTD, "-q", "-f", *options, path, "-o", path + ".zst"], check=True)
        return path + ".zst"

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def answers(self, model, *options):
        """What every command that runs or reads a model says of it."""
        texts = self.path("texts.jsonl", TEXTS)
        logits = self.path("logits.npy")
        self.ok("logits", "-m", model, *options, "--tokens", "1,2,3", "-o", logits)
        perplexity = self.ok_json("eval", "-m", model, *options, "--data", texts, "--metric", "ppl")["mean_nll"]
        info = self.ok_json("info", model)
        return (
            self.ok("run", "-m", model, *options, "-p", "hello", "-n", "8", "--temp", "0"),
            self.read(logits),
            perplexity,
            self.ok("tokenize", "-m", model, "--text", "hello"),
            self.ok("template", "-m", model, "--messages", self.path("m.json", b'[{"role": "user", "content": "x"}]')),
            (info["parameters"], sorted(tensor["name"] for tensor in info["tensors"]), info["plan"]["budgeted_bytes"]),
        )

    def test_split_files_answer_as_one_file_does(self):
        for kind in (tiny_model.F32, tiny_model.Q4_0):
            plain, parts = self.plain(kind)
            expected = self.answers(plain)
            for count in (1, 2, 5):
                with self.subTest(kind=kind, count=count):
                    self.assertEqual(self.answers(self.split(parts, count)), expected)

    def test_split_files_pack_and_quantise_to_the_bytes_that_one_file_gives(self):
        for kind, command in ((tiny_model.Q4_0, ["pack"]), (tiny_model.F32, ["quantize", "--type", "q4_0"])):
            plain, parts = self.plain(kind)
            outputs = []
            for model in (plain, self.split(parts, 3)):
                outputs.append(self.path(f"out{len(outputs)}.gguf"))
                self.ok(command[0], model, "-o", outputs[-1], *command[1:])
            self.assertEqual(self.read(outputs[0]), self.read(outputs[1]))

    def test_calibration_reads_all_parts(self):
        plain, parts = self.plain(tiny_model.F32)
        texts = self.path("texts.jsonl", TEXTS)
        for model in (plain, self.split(parts, 3)):
            self.ok("quantize", model, "-o", model + ".q4", "--type", "q4_0", "--calibration", texts, "--method", "gptq")
        self.assertEqual(self.read(plain + ".q4"), self.read(self.split(parts, 3) + ".q4"))

    def test_a_later_part_that_changes_is_packed_anew(self):
        _, parts = self.plain(tiny_model.Q4_0)
        model = self.split(parts, 2)
        before = self.answers(model)
        _, others = self.plain(tiny_model.Q4_0, seed=2)
        self.path("split-00002-of-00002.gguf", tiny_model.split_bytes(*others, 2)[1])
        self.assertNotEqual(self.answers(model)[1], before[1])
        self.assertEqual(len(self.files(self.cache)), 1, "the copy of what was there before is gone")

    def test_parts_that_do_not_belong_together_are_refused(self):
        _, parts = self.plain(tiny_model.F32)
        first = self.split(parts, 3, skip=(2,))
        self.refused(5, "info", first, says="split-00002-of-00003.gguf")
        second = self.path("split-00002-of-00003.gguf", tiny_model.split_bytes(*parts, 3)[1])
        self.refused(2, "info", second, says="split-00001-of-00003.gguf")
        # A part twice, under another's name.
        self.path("split-00002-of-00003.gguf", tiny_model.split_bytes(*parts, 3)[2])
        self.refused(3, "info", first, says=["part 2 of 3", "part 3 of 3"])
        # A part of a model with one layer more, and a name that claims more parts than there are.
        others = tiny_model.model_parts(tiny_model.F32, layers=3)
        self.path("split-00002-of-00003.gguf", tiny_model.split_bytes(*others, 3)[1])
        self.refused(3, "info", first, says="tensors")
        renamed = self.path("other-00001-of-00004.gguf", tiny_model.split_bytes(*parts, 3)[0])
        self.refused(3, "info", renamed, says="3 parts")
        self.refused(3, "info", self.path("alone.gguf", tiny_model.split_bytes(*parts, 3)[0]), says="3 parts")

    def test_a_damaged_part_is_named(self):
        _, parts = self.plain(tiny_model.F32)
        first = self.split(parts, 3)
        whole = tiny_model.split_bytes(*parts, 3)[1]
        self.path("split-00002-of-00003.gguf", whole[: len(whole) // 2])
        self.refused(3, "run", "-m", first, "-p", "x", says="split-00002-of-00003.gguf")

    @unittest.skipIf(ZSTD is None, "no zstd program")
    def test_compressed_files_answer_as_plain_ones_do(self):
        for kind in (tiny_model.F32, tiny_model.Q4_0):
            plain, _ = self.plain(kind)
            expected = self.answers(plain)
            shutil.rmtree(self.cache, ignore_errors=True)
            with self.subTest(kind=kind):
                model = self.compressed(plain)
                self.assertEqual(self.answers(model), expected)
                self.assertEqual(len(self.files(self.cache)), 1, "one copy is kept, nothing beside it")
                self.assertEqual(self.answers(model), expected, "from the copy")
                # Without the cache, and where no cache can be, memory does.
                self.assertEqual(self.answers(model, "--no-cache")[:3], expected[:3])
                nowhere = {"XDG_CACHE_HOME": "/proc/none", "HOME": "/proc/none"}
                run = self.linnet("run", "-m", model, "-p", "hello", "-n", "8", "--temp", "0", environment=nowhere)
                self.assertEqual((run.returncode, run.stdout.decode()), (0, expected[0]))
                self.assertIn(b"into memory", run.stderr)

    @unittest.skipIf(ZSTD is None, "no zstd program")
    def test_a_compressed_packed_file_is_kept_decompressed(self):
        plain, _ = self.plain(tiny_model.Q4_0)
        packed = self.path("packed.gguf")
        self.ok("pack", plain, "-o", packed)
        expected = self.ok("run", "-m", packed, "-p", "hello", "-n", "8", "--temp", "0")
        model = self.compressed(packed)
        for _ in range(2):
            self.assertEqual(self.ok("run", "-m", model, "-p", "hello", "-n", "8", "--temp", "0"), expected)
            self.assertEqual([self.read(os.path.join(self.cache, name)) for name in self.files(self.cache)], [self.read(packed)])

    @unittest.skipIf(ZSTD is None, "no zstd program")
    def test_every_form_of_frames_is_read(self):
        plain, _ = self.plain(tiny_model.Q4_0)
        expected = self.ok_json("info", plain)["tensors"]
        whole = self.read(plain)
        piped = subprocess.run([ZSTD, "-q"], input=whole, stdout=subprocess.PIPE, check=True).stdout
        frames = [
            subprocess.run([ZSTD, "-q"], input=piece, stdout=subprocess.PIPE, check=True).stdout
            for piece in (whole[:1000], whole[1000:])
        ]
        for name, content in (("piped", piped), ("frames", b"".join(frames)), ("mixed", self.read(self.compressed(plain)))):
            self.assertEqual(self.ok_json("info", self.path(f"{name}.gguf.zst", content))["tensors"], expected, name)
        self.ok("pack", self.path("piped.gguf.zst"), "-o", self.path("packed.gguf"))
        self.ok("unpack", self.path("packed.gguf"), "-o", self.path("unpacked.gguf"))
        self.assertEqual(self.read(self.path("unpacked.gguf")), whole)

    @unittest.skipIf(ZSTD is None, "no zstd program")
    def test_damaged_compressed_files_are_refused_and_leave_nothing(self):
        plain, _ = self.plain(tiny_model.Q4_0)
        whole = self.read(self.compressed(plain))
        piped = subprocess.run([ZSTD, "-q"], input=self.read(plain), stdout=subprocess.PIPE, check=True).stdout
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0xFF
        for name, content in {
            "cut": whole[:-9],
            "cut-piped": piped[: len(piped) // 2],
            "flipped": bytes(flipped),
            "text": b"no zstd at all, but long enough",
            "inner": subprocess.run([ZSTD, "-q"], input=b"no GGUF", stdout=subprocess.PIPE, check=True).stdout,
            "void": subprocess.run([ZSTD, "-q"], input=b"", stdout=subprocess.PIPE, check=True).stdout,
        }.items():
            with self.subTest(name=name):
                model = self.path(name + ".gguf.zst", content)
                self.refused(3, "run", "-m", model, "-p", "x", says=name)
                self.refused(3, "info", model, says=name)
                self.refused(3, "pack", model, "-o", self.path("out.gguf"), says=name)
                self.assertEqual(self.files(self.cache), [])
                self.assertFalse(os.path.exists(self.path("out.gguf")))
        self.refused(5, "run", "-m", self.path("absent.gguf.zst"), "-p", "x", says="absent.gguf.zst")

    @unittest.skipIf(ZSTD is None, "no zstd program")
    def test_memory_for_decompressing_is_held_against_the_budget(self):
        plain, _ = self.plain(tiny_model.F32)
        model = self.compressed(plain)
        said = self.refused(4, "run", "-m", model, "-p", "x", "--no-cache", "--mem-budget", "100K", says="decompress")
        self.assertIn("100 KiB", said)


if __name__ == "__main__":
    unittest.main()
