"""pack, unpack and the cache: whole files or none, made once."""

import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import support
import tiny_model


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


class Pack(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0))

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def test_unpack_gives_back_the_same_bytes(self):
        for kind in (tiny_model.Q4_0, tiny_model.Q8_0, tiny_model.F16):
            model = self.path("plain.gguf", tiny_model.model_bytes(kind))
            packed, unpacked = self.path("packed.gguf"), self.path("unpacked.gguf")
            self.ok("pack", model, "-o", packed)
            self.ok("unpack", packed, "-o", unpacked)
            self.assertEqual(self.read(unpacked), self.read(model))

    def test_keys_of_the_model_itself_are_kept(self):
        own = [("linnet.grammar", tiny_model.STRING, 'root ::= "a"')]
        model = self.path("own.gguf", tiny_model.model_bytes(tiny_model.Q4_0, extra=own))
        self.ok("pack", model, "-o", self.path("packed.gguf"))
        self.assertIn("linnet.grammar", self.ok_json("info", self.path("packed.gguf"))["metadata"])
        self.ok("unpack", self.path("packed.gguf"), "-o", self.path("unpacked.gguf"))
        self.assertEqual(self.read(self.path("unpacked.gguf")), self.read(model))

    def test_json(self):
        report = self.ok_json("pack", self.model, "-o", self.path("packed.gguf"))
        self.assertEqual(report["bytes"], os.path.getsize(self.path("packed.gguf")))
        self.assertEqual(report["tensors"], 21)
        self.assertEqual(report["in_panels"], 16 - 1)  # All matrices but the embedding table.

    def test_the_tokenizers_tables_travel_along(self):
        packed = self.path("packed.gguf")
        self.ok("pack", self.model, "-o", packed)
        self.assertIn("linnet.tokenizer.tables", [tensor["name"] for tensor in self.ok_json("info", packed)["tensors"]])
        texts = ["tokenize", "--lines", "-m"]
        self.assertEqual(self.ok(*texts, packed, input="hell\nhe ll\n"), self.ok(*texts, self.model, input="hell\nhe ll\n"))
        self.ok("info", packed, "--verify")
        # They are what is read: damage to them is noticed at load, and the line says what to do.
        bytes_ = self.read(packed)
        at = bytes_.index(b"LLNTTOK1")
        damaged = self.path("damaged.gguf", bytes_[:at] + b"LLNTTOK9" + bytes_[at + 8 :])
        self.refused(3, "tokenize", "-m", damaged, "--text", "x", says="pack the model again")
        self.refused(3, "info", damaged, "--verify", says="linnet.tokenizer.tables")

    def test_an_unknown_tokenizer_does_not_keep_weights_from_being_packed(self):
        known = tiny_model.model_bytes(tiny_model.Q4_0)
        strange = self.path("strange.gguf", known.replace(b"gpt-2", b"gpt-?"))
        self.ok("pack", strange, "-o", self.path("packed.gguf"))
        self.refused(3, "tokenize", "-m", self.path("packed.gguf"), "--text", "x", says="gpt-?")

    def test_a_packed_file_is_not_packed_again_and_a_plain_one_not_unpacked(self):
        self.ok("pack", self.model, "-o", self.path("packed.gguf"))
        self.refused(2, "pack", self.path("packed.gguf"), "-o", self.path("twice.gguf"), says="packed.gguf")
        self.refused(2, "unpack", self.model, "-o", self.path("twice.gguf"), says="q4.gguf")
        self.assertFalse(os.path.exists(self.path("twice.gguf")))

    def test_unwritable_places(self):
        self.refused(5, "pack", self.model, "-o", self.path("no/such/folder.gguf"), says="no/such")
        self.refused(2, "pack", self.model, "-o", self.folder, says=self.folder)
        self.refused(2, "pack", self.model, "-o", "/dev/null", says="/dev/null")

    def test_a_file_size_limit_leaves_nothing_half_written(self):
        output = self.path("packed.gguf", b"what was there before")
        before = self.files()
        for arguments in (["pack", self.model], ["quantize", self.path("f32.gguf", tiny_model.model_bytes()), "--type", "q8_0"]):
            before = self.files()
            self.refused(4, *arguments, "-o", output, says="packed.gguf", preexec_fn=limit_file_size)
            self.assertEqual(self.files(), before)
            self.assertEqual(self.read(output), b"what was there before")

    def test_a_full_disk_leaves_nothing_half_written(self):
        mount = os.path.join(self.folder, "small")
        os.mkdir(mount)
        model = self.path("f32.gguf", tiny_model.model_bytes())
        big = self.path("big.gguf", tiny_model.model_bytes(tiny_model.Q4_0, layers=8))
        for arguments in (["pack", big, "-o", "small/out"], ["quantize", model, "-o", "small/out", "--type", "q8_0"]):
            script = (
                f"mount -t tmpfs -o size=64k tmpfs {mount} || exit 99; "
                + subprocess.list2cmdline(self.command(*arguments))
                + f"; code=$?; ls -A {mount}; exit $code"
            )
            result = subprocess.run(
                ["unshare", "-m", "sh", "-c", script],
                env=self.environment,
                cwd=self.folder,
                capture_output=True,
                timeout=support.TIMEOUT,
                check=False,
            )
            if result.returncode in (1, 99) and b"linnet" not in result.stderr:
                self.skipTest("may not mount: " + result.stderr.decode())
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertEqual(result.stdout, b"", "nothing is left in the full folder")
            self.assert_error_line(result.stderr.decode())

    def stop_when_mapped(self, process, path, signal_number):
        """Sends the signal once the process has mapped the file: from then on it is at work."""
        for _ in range(20000):
            if process.poll() is not None:
                self.fail(f"ended before it could be stopped: {process.communicate()}")
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
                if path in maps.read():
                    break
            time.sleep(0.001)
        process.send_signal(signal_number)
        output, errors = process.communicate(timeout=support.TIMEOUT)
        return process.returncode, output, errors

    def test_interrupted_work_leaves_nothing(self):
        for name, kind, arguments in (
            ("hollow-q4.gguf", tiny_model.Q4_0, ["pack"]),
            ("hollow-f32.gguf", tiny_model.F32, ["quantize", "--type", "q8_0"]),
        ):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(name=name, number=number):
                    model = self.path(name)
                    tiny_model.write_hollow_model(model, kind, 100_000)
                    before = self.files()
                    process = self.start(arguments[0], model, "-o", self.path("out.gguf"), *arguments[1:])
                    code, output, errors = self.stop_when_mapped(process, name, number)
                    self.assertEqual((code, output, errors), (130, b"", b""))
                    self.assertEqual(self.files(), before)

    def test_a_file_that_shrinks_while_it_is_packed(self):
        model = self.path("hollow.gguf")
        tiny_model.write_hollow_model(model, tiny_model.Q4_0, 100_000)
        process = self.start("pack", model, "-o", self.path("out.gguf"))
        for _ in range(20000):
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
                if "hollow.gguf" in maps.read():
                    break
            time.sleep(0.001)
        os.truncate(model, 4096)
        output, errors = process.communicate(timeout=support.TIMEOUT)
        self.assertEqual((process.returncode, output), (5, b""), errors)
        self.assert_error_line(errors.decode())
        self.assertIn("hollow.gguf", errors.decode())
        self.assertEqual(self.files(), ["hollow.gguf", "q4.gguf"])


class Cache(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0))

    def run_once(self, model=None, *more, **options):
        result = self.linnet("run", "-m", model or self.model, "-p", "hello", "-n", "8", "--raw", *more, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout, result.stderr.decode()

    def copies(self):
        return self.files(os.path.join(self.cache, "linnet")) if os.path.isdir(self.cache) else []

    def test_packs_once_says_where_and_maps_it_the_second_time(self):
        first, notes = self.run_once()
        self.assertEqual(notes.count("\n"), 1)
        self.assertIn("once into " + self.cache, notes)
        (copy,) = self.copies()
        written = os.stat(os.path.join(self.cache, "linnet", copy))
        second, notes = self.run_once()
        self.assertEqual((second, notes), (first, ""))
        self.assertEqual(os.stat(os.path.join(self.cache, "linnet", copy)), written)
        # A cache is nobody else's business.
        self.assertEqual(os.stat(os.path.join(self.cache, "linnet")).st_mode & 0o777, 0o700)

    def test_float_and_packed_files_are_mapped_as_they_are(self):
        self.ok("pack", self.model, "-o", self.path("packed.gguf"))
        plain = self.path("f16.gguf", tiny_model.model_bytes(tiny_model.F16))
        for model in (self.path("packed.gguf"), plain):
            self.assertEqual(self.run_once(model)[1], "")
        self.assertEqual(self.copies(), [])

    def test_a_changed_model_gets_a_new_copy_and_the_old_one_goes(self):
        self.run_once()
        (before,) = self.copies()
        self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0, seed=2))
        os.utime(self.model, (1, 1))
        self.run_once()
        (after,) = self.copies()
        self.assertNotEqual(before, after)

    def test_links_share_a_copy_and_equal_names_do_not(self):
        self.run_once()
        os.symlink(self.model, self.path("link.gguf"))
        self.assertEqual(self.run_once(self.path("link.gguf"))[1], "")
        os.mkdir(self.path("other"))
        shutil.copy(self.model, self.path("other/q4.gguf"))
        self.assertIn("packing", self.run_once(self.path("other/q4.gguf"))[1])
        self.assertEqual(len(self.copies()), 2)

    def test_a_damaged_copy_is_made_again(self):
        first, _ = self.run_once()
        (copy,) = self.copies()
        path = os.path.join(self.cache, "linnet", copy)
        for damage in (0, 100, os.path.getsize(path) - 5000):
            os.truncate(path, damage)
            output, notes = self.run_once()
            self.assertIn("packing", notes)
            self.assertEqual(output, first)

    def test_no_cache_packs_into_memory_and_says_what_it_costs(self):
        expected, _ = self.run_once()
        shutil.rmtree(self.cache)
        output, notes = self.run_once(None, "--no-cache")
        self.assertEqual(output, expected)
        self.assertIn("into memory", notes)
        self.assertRegex(notes, r"costs \d+\S* [KM]iB")
        self.assertFalse(os.path.exists(self.cache))

    def test_without_a_place_for_the_cache_memory_does(self):
        expected, _ = self.run_once()
        blocked = self.path("blocked", b"a file where a folder should be")
        for environment in ({"XDG_CACHE_HOME": blocked}, {"XDG_CACHE_HOME": "", "HOME": ""}):
            output, notes = self.run_once(environment=environment)
            self.assertEqual(output, expected)
            self.assertIn("into memory", notes)

    def test_a_full_disk_under_the_cache_falls_back_to_memory(self):
        expected, _ = self.run_once()
        shutil.rmtree(self.cache)
        output, notes = self.run_once(preexec_fn=limit_file_size)
        self.assertEqual(output, expected)
        self.assertIn("into memory", notes)
        self.assertEqual(self.copies(), [])


if __name__ == "__main__":
    unittest.main()
