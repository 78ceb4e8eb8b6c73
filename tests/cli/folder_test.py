"""quantize of a Hugging Face folder: the same file as from the GGUF that the `gguf` package made of it."""

import json
import os
import shutil
import struct
import unittest

import support

FOLDERS = os.path.join(support.SOURCE, "tests/data/models/folders")
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 30: (1, 2)}


class Gguf:
    """Keys and tensors of a file, read with the standard library alone."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.place = 8
        tensors, entries = self.take("Q"), self.take("Q")
        self.keys = {self.text(): self.value(self.take("I")) for _ in range(entries)}
        headers = [self.tensor() for _ in range(tensors)]
        start = -(-self.place // 32) * 32
        self.tensors = {name: (dims, kind, self.data[start + offset :][:size]) for name, dims, kind, offset, size in headers}

    def take(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize(form)
        return value

    def text(self):
        size = self.take("Q")
        self.place += size
        return self.data[self.place - size : self.place].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            element, count = self.take("I"), self.take("Q")
            return [self.value(element) for _ in range(count)]
        return self.take(SCALARS[kind])

    def tensor(self):
        name = self.text()
        dims = [self.take("Q") for _ in range(self.take("I"))]
        kind, offset = self.take("I"), self.take("Q")
        weights, size = BLOCKS[kind]
        count = 1
        for dim in dims:
            count *= dim
        return name, dims, kind, offset, count // weights * size


class Folder(support.CommandTest):
    def quantised(self, model, *options):
        output = self.path("out.gguf")
        self.ok("quantize", model, "-o", output, *options)
        return Gguf(output)

    def test_is_what_the_gguf_package_makes_of_it(self):
        for name in ("llama", "qwen2", "qwen3", "mistral"):
            for kind in ("q8_0", "q4_0"):
                with self.subTest(name=name, kind=kind):
                    expected = self.quantised(os.path.join(FOLDERS, name + ".gguf"), "--type", kind)
                    actual = self.quantised(os.path.join(FOLDERS, name), "--type", kind)
                    self.assertEqual(actual.keys, expected.keys)
                    self.assertEqual(set(actual.tensors), set(expected.tensors))
                    for tensor, (dims, type_id, data) in expected.tensors.items():
                        if tensor == "rope_freqs.weight":  # Computed by both, in float32.
                            self.compare_factors(actual.tensors[tensor][2], data)
                        else:
                            self.assertEqual(actual.tensors[tensor], (dims, type_id, data), tensor)

    def compare_factors(self, actual, expected):
        self.assertEqual(len(actual), len(expected))
        for (one,), (other,) in zip(struct.iter_unpack("<f", actual), struct.iter_unpack("<f", expected)):
            self.assertAlmostEqual(one, other, delta=1e-5 * other)

    def test_text_is_cut_as_the_tokenizers_package_cuts_it(self):
        with open(os.path.join(FOLDERS, "llama.tokens.json"), encoding="utf-8") as file:
            expected = json.load(file)
        output = self.path("out.gguf")
        self.ok("quantize", os.path.join(FOLDERS, "llama"), "-o", output, "--type", "q8_0")
        ids = self.ok("tokenize", "-m", output, input=expected["text"]).split()
        self.assertEqual([int(i) for i in ids], expected["ids"])
        self.ok("run", "-m", output, "-p", "the thing", "-n", "3")

    def test_calibrates(self):
        texts = self.path("texts.jsonl", b'{"text": "the thing of the others is nothing of the kind"}\n' * 20)
        report = self.ok_json("quantize", os.path.join(FOLDERS, "llama"), "-o", self.path("out.gguf"), "--type", "q4_0",
                              "--calibration", texts, "--method", "gptq")
        self.assertTrue(any("relative_output_error" in tensor for tensor in report["tensors"]))

    def broken(self, **changes):
        """A copy of the folder qwen3 with other values in its config.json; None takes a key away."""
        folder = self.path("broken")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(FOLDERS, "qwen3"), folder)
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config = {key: value for key, value in {**config, **changes}.items() if value is not None}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return folder

    def refused_folder(self, folder, says, code=3):
        output = self.path("no.gguf")
        self.refused(code, "quantize", folder, "-o", output, "--type", "q8_0", says=says)
        self.assertFalse(os.path.exists(output))

    def test_refuses_what_it_cannot_convert(self):
        self.refused_folder(self.broken(architectures=["GemmaForCausalLM"]), "GemmaForCausalLM")
        self.refused_folder(self.broken(architectures=None), "architectures")
        self.refused_folder(self.broken(architectures=["LlamaForCausalLM"], num_attention_heads=3), "head")
        self.refused_folder(self.broken(hidden_act="gelu"), "hidden_act")
        self.refused_folder(self.broken(hidden_size="wide"), "hidden_size")
        self.refused_folder(self.broken(num_attention_heads=0), "num_attention_heads")
        self.refused_folder(self.broken(rope_parameters={"rope_type": "longrope", "factor": 2.0}), "longrope")
        self.refused_folder(self.broken(partial_rotary_factor=0.5), "partial_rotary_factor")

    def test_refuses_folders_that_are_damaged(self):
        folder = self.broken()
        weights = os.path.join(folder, "model.safetensors")
        with open(weights, "rb") as file:
            whole = file.read()
        for size in (0, 7, 100, len(whole) - 1):
            with open(weights, "wb") as file:
                file.write(whole[:size])
            self.refused_folder(folder, "model.safetensors")
        os.remove(weights)
        self.refused_folder(folder, "model.safetensors", code=5)
        with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as file:
            json.dump({"weight_map": {"a": "../qwen3/model.safetensors"}}, file)
        self.refused_folder(folder, "no file's name")
        with open(weights, "wb") as file:
            file.write(whole.replace(b"q_norm", b"q_born"))
        os.remove(os.path.join(folder, "model.safetensors.index.json"))
        self.refused_folder(folder, "q_born")
        self.refused_folder(self.path("nothing-here"), "nothing-here", code=5)


if __name__ == "__main__":
    unittest.main()
