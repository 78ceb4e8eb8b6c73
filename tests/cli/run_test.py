"""run: what it prints, what ends it, what it refuses."""

import json
import os
import signal
import time
import unittest

import support
import tiny_model


class Run(support.ModelTest):
    def test_prints_the_generated_text_alone(self):
        report = self.ok_json("run", "-m", self.model, "-p", "hello", "-n", "12")
        self.assertEqual(self.linnet("run", "-m", self.model, "-p", "hello", "-n", "12").stdout.decode(), report["text"])
        self.assertEqual(len(report["tokens"]), 12)
        self.assertEqual(report["finish"], "length")
        # "[user]hello[assistant]" with he and ll merged, and no BOS: the template would have written it.
        self.assertEqual(report["prompt_tokens"], len("[user]hello[assistant]") - 2)
        self.assertTrue(0 < report["confidence"] <= 1)
        for key in ("load_ms", "first_token_ms", "prefill_tokens_per_second", "decode_tokens_per_second"):
            self.assertGreater(report[key], 0, key)
        for key in ("anonymous_bytes", "mapped_bytes"):
            self.assertGreater(report[key], 100_000, key)

    def test_raw_takes_the_prompt_as_it_is(self):
        report = self.ok_json("run", "-m", self.model, "-p", "hello", "-n", "1", "--raw")
        self.assertEqual(report["prompt_tokens"], 1 + len("hello") - 2)  # BOS, he, ll, o.

    def test_the_system_message_comes_first(self):
        report = self.ok_json("run", "-m", self.model, "-p", "x", "-n", "1", "--system", "yz")
        self.assertEqual(report["prompt_tokens"], len("[system]yz[user]x[assistant]"))

    def test_standard_input_is_the_prompt(self):
        given = self.ok("run", "-m", self.model, "-p", "a\nb", "-n", "9")
        self.assertEqual(self.ok("run", "-m", self.model, "-n", "9", input="a\nb"), given)

    def test_the_same_for_every_thread_count_and_seed(self):
        greedy = {self.ok("run", "-m", self.model, "-p", "x", "-n", "20", "--threads", n) for n in (1, 2, 3)}
        self.assertEqual(len(greedy), 1)
        sampling = ["run", "-m", self.model, "-p", "x", "-n", "20", "--temp", "2", "--top-k", "0", "--top-p", "1"]
        self.assertEqual(self.ok(*sampling, "--seed", "5"), self.ok(*sampling, "--seed", "5"))
        self.assertEqual(len({self.ok(*sampling, "--seed", seed) for seed in range(4)}), 4)
        free = [self.ok_json(*sampling) for _ in range(2)]
        self.assertNotEqual(free[0]["seed"], free[1]["seed"])

    def test_memory_may_be_asked_for(self):
        plain = self.ok("run", "-m", self.model, "-p", "x", "-n", "20")
        self.assertEqual(self.ok("run", "-m", self.model, "-p", "x", "-n", "20", "--mlock", "--huge-pages", "--read-ahead"), plain)

    def test_the_context_ends_it(self):
        report = self.ok_json("run", "-m", self.model, "-p", "x", "-n", "0", "--ctx", "40", "--raw")
        self.assertEqual(report["finish"], "length")
        self.assertEqual(report["prompt_tokens"] + len(report["tokens"]), 40 + 1)
        self.refused(4, "run", "-m", self.model, "-p", "x" * 100, "--ctx", "40", says="40")
        self.refused(2, "run", "-m", self.model, "-p", "x", "--ctx", str(tiny_model.CONTEXT + 1), says="256")

    def test_an_empty_prompt(self):
        self.ok("run", "-m", self.model, "-p", "", "-n", "1")
        self.ok("run", "-m", self.model, "-p", "", "-n", "1", "--raw")  # BOS alone.

    def test_kernels_can_be_forced_and_wrong_names_are_usage(self):
        fastest = self.ok("run", "-m", self.model, "-p", "x", "-n", "9")
        scalar = {"LINNET_KERNEL": "matmul_float=scalar"}
        self.assertEqual(self.ok("run", "-m", self.model, "-p", "x", "-n", "9", environment=scalar), fastest)
        for forced in ("matmul_float=magic", "nonsense=scalar", "nonsense", "=scalar", "matmul_float="):
            self.refused(
                2, "run", "-m", self.model, "-p", "x", environment={"LINNET_KERNEL": forced}, says="LINNET_KERNEL"
            )

    def test_quantised_weights_answer_the_same_packed_and_plain(self):
        plain = self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0))
        self.ok("pack", plain, "-o", self.path("packed.gguf"))
        arguments = ["-p", "hello", "-n", "30", "--raw"]
        self.assertEqual(
            self.linnet("run", "-m", plain, *arguments).stdout,
            self.linnet("run", "-m", self.path("packed.gguf"), *arguments).stdout,
        )

    def test_a_template_that_cannot_run_is_refused(self):
        model = self.path("bad.gguf", tiny_model.model_bytes(template="{% frobnicate %}"))
        self.refused(3, "run", "-m", model, "-p", "x", says=["bad.gguf", "template", "--raw"])
        self.ok("run", "-m", model, "-p", "x", "-n", "1", "--raw")


class ForcedForm(support.CommandTest):
    """A file that carries a grammar answers in that form and no other."""

    GRAMMAR = 'root ::= "{" ( "on" | "off" ) ":" %copy-words "}"'

    def setUp(self):
        super().setUp()
        extra = [("linnet.grammar", tiny_model.STRING, self.GRAMMAR)]
        self.plain = self.path("f32.gguf", tiny_model.model_bytes(template=support.TEMPLATE, extra=extra))
        self.packed = self.path("q4.gguf", tiny_model.model_bytes(tiny_model.Q4_0, template=support.TEMPLATE, extra=extra))

    def test_forces_the_form(self):
        for model in (self.plain, self.packed, self.packed):
            for more in ([], ["--temp", "3", "--seed", "4"]):
                report = self.ok_json("run", "-m", model, "-p", "the red lamp", *more)
                self.assertRegex(report["text"], r"^\{(on|off):(the|the red|the red lamp|red|red lamp|lamp)\}$")
                self.assertEqual(report["finish"], "stop")

    def test_confidence_leaves_out_what_the_form_forced(self):
        def confidence(grammar, prompt):
            extra = [("linnet.grammar", tiny_model.STRING, grammar)]
            model = self.path("model.gguf", tiny_model.model_bytes(template=support.TEMPLATE, extra=extra))
            return self.ok_json("run", "-m", model, "-p", prompt, "--temp", "0")

        self.assertEqual(confidence('root ::= "{" "}"', "x")["confidence"], 1)
        # One choice of two tokens with nothing around it, and then among tokens that leave no choice.
        bare = confidence('root ::= "a" | "b"', "x")
        framed = confidence('root ::= ( "a" | "b" ) "{}{}{}"', "x")
        self.assertEqual(bare["text"], framed["text"][0])
        self.assertGreaterEqual(bare["confidence"], 0.5)
        self.assertLess(bare["confidence"], 1)
        self.assertAlmostEqual(framed["confidence"], bare["confidence"], places=6)

    def test_can_be_left_out(self):
        forced = self.linnet("run", "-m", self.plain, "-p", "the red lamp", "-n", "9").stdout
        for option in ("--no-grammar", "--raw"):
            free = self.linnet("run", "-m", self.plain, "-p", "the red lamp", "-n", "9", option).stdout
            self.assertNotEqual(free, forced)

    def test_nothing_to_copy_is_said(self):
        self.refused(2, "run", "-m", self.plain, "-p", "", says="copy")

    def test_a_broken_grammar_is_refused(self):
        extra = [("linnet.grammar", tiny_model.STRING, "root ::= nowhere")]
        model = self.path("bad.gguf", tiny_model.model_bytes(template=support.TEMPLATE, extra=extra))
        self.refused(3, "run", "-m", model, "-p", "x", says=["bad.gguf", "linnet.grammar", "--no-grammar"])
        self.ok("run", "-m", model, "-p", "x", "-n", "1", "--raw")


class Interrupted(support.ModelTest):
    def setUp(self):
        super().setUp()
        # Room for many seconds of text.
        self.model = self.path("long.gguf", tiny_model.model_bytes(template=support.TEMPLATE, context=200_000))

    def test_ctrl_c_while_text_comes(self):
        for more in ([], ["--json"]):
            process = self.start("run", "-m", self.model, "-p", "x", "-n", "150000", *more)
            if not more:
                self.assertEqual(len(process.stdout.read(1)), 1)
            else:
                time.sleep(1)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=support.TIMEOUT)
            self.assertEqual((process.returncode, errors), (130, b""))
            if more:
                self.assertEqual(json.loads(output)["finish"], "cancelled")

    def test_ctrl_c_while_waiting_for_the_prompt(self):
        process = self.start("run", "-m", self.model, stdin=-1)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=support.TIMEOUT)
        self.assertEqual((process.returncode, process.stdout.read(), process.stderr.read()), (130, b"", b""))
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()

    def test_a_model_that_shrinks_while_it_answers(self):
        process = self.start("run", "-m", self.model, "-p", "x", "-n", "150000")
        self.assertEqual(len(process.stdout.read(1)), 1)
        os.truncate(self.model, 4096)
        _, errors = process.communicate(timeout=support.TIMEOUT)
        self.assertEqual(process.returncode, 5)
        self.assert_error_line(errors.decode())
        self.assertIn("long.gguf", errors.decode())

    def test_a_reader_that_leaves_ends_it_quietly(self):
        process = self.start("run", "-m", self.model, "-p", "x", "-n", "150000")
        process.stdout.read(1)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=support.TIMEOUT), 5)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()


if __name__ == "__main__":
    unittest.main()
