"""chat: a conversation from a pipe and on a terminal."""

import os
import pty
import select
import signal
import time
import unittest

import support
import tiny_model


class Chat(support.ModelTest):
    def test_a_conversation_from_a_pipe(self):
        output = self.ok("chat", "-m", self.model, "--temp", "0", "-n", "5", input="hello\n\n/reset\nhello\nx\n/exit\nnever\n")
        # Each answer ends with a newline of ours; after /reset the same question has the same answer.
        first = self.linnet("run", "-m", self.model, "-p", "hello", "-n", "5").stdout.decode() + "\n"
        self.assertTrue(output.startswith(first + first), output)
        self.assertGreater(len(output), 2 * len(first))

    def test_needs_a_template(self):
        model = self.path("plain.gguf", tiny_model.model_bytes())
        self.refused(3, "chat", "-m", model, says="template")

    def test_a_full_context_is_said_and_reset_helps(self):
        result = self.linnet("chat", "-m", self.model, "--temp", "0", "-n", "3", "--ctx", "60", input="y" * 70 + "\n/reset\nx\n")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"/reset", result.stderr)
        self.assertTrue(result.stdout.endswith(b"\n"))

    def test_on_a_terminal_ctrl_c_stops_the_answer_and_then_the_program(self):
        model = self.path("long.gguf", tiny_model.model_bytes(template=support.TEMPLATE, context=200_000))
        terminal, side = pty.openpty()
        process = self.start(
            "chat", "-m", model, "--temp", "0", "--ctx", "200000", stdin=side, stdout=side, stderr=side, start_new_session=True
        )
        os.close(side)

        def read_until(what):
            seen = b""
            while what not in seen:
                ready, _, _ = select.select([terminal], [], [], support.TIMEOUT)
                self.assertTrue(ready, seen)
                seen += os.read(terminal, 65536)
            return seen

        read_until(b"> ")
        os.write(terminal, b"x\n")
        read_until(b"x\r\n")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        read_until(b"\r\n> ")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=support.TIMEOUT), 130)
        os.close(terminal)


if __name__ == "__main__":
    unittest.main()
