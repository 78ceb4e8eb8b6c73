"""tokenize and template: ids and prompts, nothing added."""

import os
import unittest

import support
import tiny_model


class Tokenize(support.ModelTest):
    def test_texts_and_lines(self):
        tokens = ["-m", self.model]
        self.assertEqual(self.ok("tokenize", *tokens, "--text", "hell"), "256 258 259\n")
        self.assertEqual(self.ok("tokenize", *tokens, "--text", "hell", "--no-special"), "258 259\n")
        self.assertEqual(self.ok("tokenize", *tokens, "--no-special", input="he\nhe\n"), "258 10 258 10\n".replace("10", str(self.newline())))
        self.assertEqual(self.ok("tokenize", *tokens, "--no-special", "--lines", input="he\n\nll\n"), "258\n\n259\n")
        self.assertEqual(self.ok("tokenize", *tokens, "--no-special", "--lines", input="he\nll"), "258\n259\n")
        self.assertEqual(self.ok("tokenize", *tokens, input=""), "256\n")
        self.assertEqual(self.ok_json("tokenize", *tokens, "--text", "hell"), {"tokens": [256, 258, 259]})

    def newline(self):
        return tiny_model.byte_characters().index(tiny_model.byte_characters()[10])

    def test_special_tokens_in_text_are_only_text(self):
        self.assertEqual(len(self.ok("tokenize", "-m", self.model, "--no-special", "--text", "<|end|>").split()), 7)

    def test_a_vocabulary_is_enough(self):
        vocabulary = self.path("v.gguf", tiny_model.model_bytes(vocabulary_only=True))
        self.assertEqual(self.ok("tokenize", "-m", vocabulary, "--text", "he"), "256 258\n")
        self.refused(3, "run", "-m", vocabulary, "-p", "x", says="v.gguf")

    def test_reference_vocabularies(self):
        """Every text of one line in the shared folder."""
        shared = os.environ.get("LINNET_SHARED_DATA", os.path.join(support.SOURCE, "../shared/data"))
        folder = os.path.join(shared, "vocab")
        if not os.path.isdir(folder):
            self.skipTest("no shared/data/vocab beside the source tree; LINNET_SHARED_DATA names another place")
        for name in ("ggml-vocab-qwen2.gguf", "ggml-vocab-llama-spm.gguf", "ggml-vocab-bert-bge.gguf"):
            path = os.path.join(folder, name)
            with open(path + ".inp", "rb") as file:
                texts = file.read().split(b"\n__ggml_vocab_test__\n")
            with open(path + ".out", encoding="utf-8") as file:
                expected = [line.split() for line in file.read().split("\n")]
            pairs = [(text, ids) for text, ids in zip(texts, expected) if b"\n" not in text and text]
            self.assertGreater(len(pairs), 20)
            lines = b"".join(text + b"\n" for text, _ in pairs)
            found = self.ok("tokenize", "-m", path, "--no-special", "--lines", input=lines).splitlines()
            self.assertEqual([line.split() for line in found], [ids for _, ids in pairs], name)


class Template(support.ModelTest):
    def test_nothing_is_added(self):
        messages = self.path("m.json", '[{"role": "user", "content": "hi"}]')
        self.assertEqual(self.ok("template", "-m", self.model, "--messages", messages), "[user]hi[assistant]")
        self.assertEqual(self.ok("template", "-m", self.model, "--messages", "-", input='[{"role":"a","content":"ü"}]'), "[a]ü[assistant]")
        file = self.path("t.jinja", "{{ bos_token }}{{ eos_token }}{% if add_generation_prompt %}G{% endif %}{{ tools|length if tools }}{{ strftime_now('%Y') }}")
        tools = self.path("tools.json", '[{"type": "function"}]')
        rendered = self.ok("template", "--file", file, "--messages", messages, "--bos", "B", "--eos", "E", "--tools", tools, "--now", "1999-01-02T03:04:05")
        self.assertEqual(rendered, "BEG11999")
        self.assertEqual(self.ok("template", "--file", file, "--messages", messages, "--no-generation-prompt", "--now", "2001-01-01"), "2001")

    def test_refusals(self):
        messages = self.path("m.json", "[]")
        self.refused(2, "template", "-m", self.model, "--messages", self.path("b.json", "{"), says="b.json")
        self.refused(2, "template", "-m", self.model, "--file", messages, "--messages", messages)
        self.refused(5, "template", "--file", self.path("no.jinja"), "--messages", messages, says="no.jinja")
        self.refused(3, "template", "--file", self.path("t.jinja", "{% if %}"), "--messages", messages, says="t.jinja")
        self.refused(2, "template", "--file", self.path("r.jinja", "{{ raise_exception('no way') }}"), "--messages", messages, says="no way")
        self.refused(2, "template", "-m", self.model, "--messages", messages, "--now", "yesterday", says="yesterday")
        self.refused(3, "template", "-m", self.path("p.gguf", tiny_model.model_bytes()), "--messages", messages, says="p.gguf")


if __name__ == "__main__":
    unittest.main()
