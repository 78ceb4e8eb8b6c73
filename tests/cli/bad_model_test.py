"""Model files that cannot be run: one line, the right exit code, nothing left behind."""

import os
import struct
import unittest

import support
import tiny_model

# Commands that read a model, as argument lists with MODEL and OUT in them.
READERS = [
    ["run", "-m", "MODEL", "-p", "hi", "-n", "1", "--raw"],
    ["chat", "-m", "MODEL"],
    ["tokenize", "-m", "MODEL", "--text", "hi"],
    ["logits", "-m", "MODEL", "--tokens", "1,2", "-o", "OUT"],
    ["quantize", "MODEL", "-o", "OUT", "--type", "q8_0"],
    ["pack", "MODEL", "-o", "OUT"],
    ["unpack", "MODEL", "-o", "OUT"],
    ["info", "MODEL"],
    ["bench", "-m", "MODEL", "-p", "1", "-n", "1"],
    ["eval", "-m", "MODEL", "--data", "DATA"],
    ["template", "-m", "MODEL", "--messages", "MESSAGES"],
]


class BadModel(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.names = {
            "OUT": self.path("out.gguf"),
            "DATA": self.path("data.jsonl", '{"text": "a", "intent": "b", "entities": []}\n'),
            "MESSAGES": self.path("messages.json", '[{"role": "user", "content": "hi"}]'),
        }

    def each_reader(self, model, code, says=(), readers=None):
        for arguments in readers or READERS:
            with self.subTest(arguments=arguments):
                words = [{**self.names, "MODEL": model}.get(word, word) for word in arguments]
                self.refused(code, *words, says=says)
                self.assertFalse(os.path.exists(self.names["OUT"]))
        self.assertEqual([name for name in self.files() if name.endswith(".tmp")], [])

    def test_missing_file(self):
        self.each_reader(self.path("nowhere.gguf"), 5, ["nowhere.gguf", "No such file"])

    def test_directory(self):
        self.each_reader(self.folder, 3, [self.folder, "not a regular file"])

    def test_empty_file(self):
        self.each_reader(self.path("empty.gguf", b""), 3, ["empty.gguf", "empty"])

    def test_text_file(self):
        self.each_reader(self.path("notes.txt", "this is no model\n" * 100), 3, "notes.txt")

    def test_unreadable_file(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        model = self.path("secret.gguf", b"GGUF")
        os.chmod(model, 0)
        self.each_reader(model, 6, "secret.gguf")

    def test_truncated_at_many_places(self):
        whole = tiny_model.model_bytes(layers=1)
        cuts = {1, 3, 4, 8, 12, 16, 20, 24, 25, 30, 100, 1000, 5000, len(whole) // 2, len(whole) - 1, len(whole) - 33}
        for cut in sorted(cuts):
            model = self.path("cut.gguf", whole[:cut])
            self.each_reader(model, 3, "cut.gguf", readers=[READERS[0], READERS[5]])

    def test_unsupported_architecture(self):
        model = self.path("mamba.gguf", tiny_model.model_bytes(architecture="mamba"))
        self.each_reader(model, 3, "mamba", readers=[READERS[0], READERS[3], READERS[8]])
        quantised = self.path("mamba-q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0, architecture="mamba"))
        self.each_reader(quantised, 3, "mamba", readers=[READERS[0]])
        self.assertFalse(os.path.exists(self.cache), "nothing is packed that cannot run")

    def test_unsupported_tensor_type(self):
        data = tiny_model.model_bytes()
        name = tiny_model.text_bytes("blk.0.attn_q.weight") + struct.pack("<IQQ", 2, tiny_model.WIDTH, tiny_model.WIDTH)
        place = data.index(name) + len(name)
        for type_id, word in ((99, "99"), (16, "IQ2_XXS")):
            bad = data[:place] + struct.pack("<I", type_id) + data[place + 4 :]
            model = self.path("type.gguf", bad)
            self.refused(3, "run", "-m", model, "-p", "hi", "--raw", says="type.gguf")
            if type_id == 99:
                self.refused(3, "run", "-m", model, "-p", "hi", "--raw", says=word)

    def test_missing_tensor_and_key(self):
        data = tiny_model.model_bytes()
        model = self.path("a.gguf", data.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"))
        self.refused(3, "run", "-m", model, "-p", "hi", "--raw", says=["a.gguf", "blk.1.ffn_up.weight"])
        model = self.path("b.gguf", data.replace(b"llama.block_count", b"llama.block_xxxxx"))
        self.refused(3, "run", "-m", model, "-p", "hi", "--raw", says=["b.gguf", "llama.block_count"])

    def test_without_vocabulary(self):
        model = self.path("mute.gguf", tiny_model.model_bytes().replace(b"tokenizer.ggml", b"tokenizer.xxxx"))
        for arguments in (["run", "-m", model, "-p", "hi"], ["tokenize", "-m", model, "--text", "a"]):
            self.refused(3, *arguments, says="mute.gguf")

    def test_larger_than_the_budget(self):
        for kind, name in ((tiny_model.F32, "f32.gguf"), (tiny_model.Q4_0, "q4.gguf")):
            model = self.path(name, tiny_model.model_bytes(kind))
            message = self.refused(4, "run", "-m", model, "-p", "hi", "--raw", "--mem-budget", "64K", says=name)
            self.assertRegex(message, r"64\.?0* KiB")
            self.assertRegex(message, r"\d (KiB|MiB)")
            self.assertIn("no context would fit; none of the usual sizes would fit", message)
        self.assertFalse(os.path.exists(self.cache), "refused before packing")

    def test_terminal_codes_in_a_file_stay_there(self):
        model = self.path("evil.gguf", tiny_model.model_bytes(architecture="\x1b[31mred"))
        message = self.refused(3, "run", "-m", model, "-p", "hi", "--raw")
        self.assertNotIn("\x1b", message)
        self.assertNotIn("\x1b", self.ok("info", model))


if __name__ == "__main__":
    unittest.main()
