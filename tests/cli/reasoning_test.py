"""Reasoning apart from the answer, forced forms, built-in templates: run, chat and template."""

import json
import unittest

import support
import tiny_model

# The prompt ends inside the reasoning, as that of DeepSeek-R1's distilled models.
THINKING = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{% endfor %}[assistant]<think>"
BUDGET = 4


class Reasoning(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.path("thinking.gguf", tiny_model.model_bytes(template=THINKING, context=2048))

    def answer(self, *options):
        return self.ok_json("run", "-m", self.model, "-p", "hi", "-n", "40", "--temp", "0", *options)

    def ids_of(self, text):
        return [int(i) for i in self.ok("tokenize", "-m", self.model, "--no-special", "--text", text).split()]

    def test_without_an_end_all_of_it_is_reasoning(self):
        answer = self.answer()
        self.assertEqual(answer["text"], "")
        self.assertTrue(answer["reasoning"])

    def test_a_budget_ends_it(self):
        answer = self.answer("--max-reasoning-tokens", str(BUDGET))
        closing = self.ids_of("\n</think>\n\n")
        self.assertEqual(answer["tokens"][BUDGET : BUDGET + len(closing)], closing)
        self.assertEqual(answer["tokens"][:BUDGET], self.answer()["tokens"][:BUDGET])
        self.assertTrue(answer["text"])
        self.assertNotIn("</think>", answer["text"] + answer["reasoning"])

    def test_off_leaves_no_room_for_it(self):
        answer = self.answer("--reasoning", "off")
        self.assertIsNone(answer["reasoning"])
        self.assertEqual(answer["tokens"][: len(self.ids_of("\n</think>"))], self.ids_of("\n</think>"))
        self.assertTrue(answer["text"])

    def test_where_it_goes(self):
        run = ["run", "-m", self.model, "-p", "hi", "-n", "40", "--temp", "0", "--max-reasoning-tokens", str(BUDGET)]
        answer = self.answer("--max-reasoning-tokens", str(BUDGET))
        shown = self.linnet(*run)
        self.assertEqual(shown.stdout.decode(), answer["text"])
        self.assertIn(answer["reasoning"].encode(), shown.stderr)
        hidden = self.linnet(*run, "--reasoning", "hide")
        self.assertEqual((hidden.stdout.decode(), hidden.stderr), (answer["text"], b""))

    def test_history_has_it_as_the_template_says(self):
        # The second turn's prompt repeats the first answer without its thoughts but where the template asks for them.
        output = self.ok("chat", "-m", self.model, "--temp", "0", "-n", "40", "--max-reasoning-tokens", str(BUDGET), "--reasoning", "hide", input="hi\nagain\n")
        first = self.answer("--max-reasoning-tokens", str(BUDGET))
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": first["text"], "reasoning_content": first["reasoning"]},
            {"role": "user", "content": "again"},
        ]
        prompt = self.ok("template", "-m", self.model, "--messages", self.path("m.json", json.dumps(messages)))
        raw = self.ok_json("run", "-m", self.model, "--raw", "-p", prompt, "-n", str(BUDGET), "--temp", "0")
        self.assertTrue(output.startswith(first["text"] + "\n"), output)
        self.assertIn(first["reasoning"], prompt)
        self.assertEqual(len(raw["tokens"]), BUDGET)

    def test_a_form_holds_what_comes_after_it(self):
        schema = self.path("s.json", '{"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}')
        answer = self.answer("--max-reasoning-tokens", str(BUDGET), "--schema", schema)
        self.assertIn(json.loads(answer["text"]), ({"on": True}, {"on": False}))
        self.assertTrue(answer["reasoning"])


class Schema(support.ModelTest):
    def test_the_answer_fits(self):
        schema = self.path("s.json", '{"enum": ["yes", "no", 7]}')
        answer = self.ok_json("run", "-m", self.model, "-p", "x", "--schema", schema)
        self.assertIn(json.loads(answer["text"]), ("yes", "no", 7))

    def test_refusals(self):
        run = ["run", "-m", self.model, "-p", "x", "--schema"]
        self.refused(2, *run, self.path("bad.json", "{"), says="bad.json")
        self.refused(2, *run, self.path("m.json", '{"properties": {"a": {"multipleOf": 3}}}'), says="multipleOf")
        self.refused(5, *run, self.path("absent.json"), says="absent.json")
        self.refused(2, *run, self.path("ok.json", "{}"), "--no-grammar")


class BuiltInTemplates(support.ModelTest):
    def test_by_name(self):
        messages = self.path("m.json", '[{"role": "user", "content": "hi"}]')
        chatml = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
        self.assertEqual(self.ok("template", "--template", "chatml", "--messages", messages), chatml)
        plain = self.path("plain.gguf", tiny_model.model_bytes())
        self.assertEqual(self.ok("template", "-m", plain, "--template", "chatml", "--messages", messages), chatml)
        named = self.ok_json("run", "-m", plain, "-p", "hi", "-n", "3", "--template", "chatml")
        self.assertEqual(named["prompt_tokens"], len(self.ok("tokenize", "-m", plain, "--no-special", "--text", chatml).split()))
        self.refused(2, "run", "-m", plain, "-p", "hi", "--template", "none", says="chatml")

    def test_helps_where_the_models_own_is_refused(self):
        broken = self.path("broken.gguf", tiny_model.model_bytes(template="{% include 'x' %}"))
        self.refused(3, "run", "-m", broken, "-p", "hi", says="--template")
        self.ok("run", "-m", broken, "-p", "hi", "-n", "1", "--template", "llama3")


if __name__ == "__main__":
    unittest.main()
