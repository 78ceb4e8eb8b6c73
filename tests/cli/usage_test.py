"""Wrong usage, help, standard streams: what holds for every command."""

import os
import subprocess
import unittest

import support
import tiny_model

COMMANDS = "run chat tokenize template logits embed quantize pack unpack make-model info bench eval doctor ctl".split()


class Usage(support.CommandTest):
    def test_bad_arguments_exit_2_with_one_line(self):
        for arguments in (
            [],
            ["fly"],
            ["run"],
            ["run", "-m"],
            ["run", "-m", "x", "--speed"],
            ["run", "-m", "x", "-n", "many"],
            ["run", "-m", "x", "--mem-budget", "lots"],
            ["run", "-m", "x", "--temp", "-1"],
            ["tokenize", "--text", "a"],
            ["logits", "-m", "x", "--tokens", "1,b", "-o", "y"],
            ["logits", "-m", "x", "--tokens", "1"],
            ["quantize", "x", "-o", "y", "--type", "q1"],
            ["quantize", "x", "--type", "q8_0"],
            ["pack", "x"],
            ["unpack", "x"],
            ["make-model", "--like", "x", "-o", "y"],
            ["info"],
            ["bench"],
            ["eval", "-m", "x"],
            ["eval", "-m", "x", "--data", "y", "--metric", "z"],
            ["template", "-m", "x"],
            ["template", "--messages", "x"],
        ):
            with self.subTest(arguments=arguments):
                self.refused(2, *arguments, says="--help")
        self.assertEqual(self.files(), [])

    def test_every_command_explains_itself(self):
        overview = self.ok("--help")
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", overview)
            page = self.ok(command, "--help")
            self.assertIn(f"Usage: linnet {command}", page)
            self.assertIn("Example", page)
            self.assertLessEqual(max(map(len, page.splitlines())), 120, command)
        self.assertRegex(self.ok("--version"), r"^linnet \d+\.\d+\.\d+\n$")

    def test_a_reader_that_goes_away_is_no_drama(self):
        model = self.path("model.gguf", tiny_model.model_bytes())
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = subprocess.run(
            self.command("info", model), stdout=write_end, stderr=subprocess.PIPE, env=self.environment, check=False
        )
        os.close(write_end)
        self.assertEqual((process.returncode, process.stderr), (5, b""))

    def test_closed_standard_output_is_an_error(self):
        model = self.path("model.gguf", tiny_model.model_bytes())
        before = os.path.getsize(model)
        for arguments in (["info", model], ["tokenize", "-m", model, "--text", "a"], ["--help"]):
            command = subprocess.list2cmdline(self.command(*arguments)) + " >&-"
            process = subprocess.run(
                command, shell=True, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.environment, check=False
            )
            self.assertEqual(process.returncode, 5, arguments)
            self.assert_error_line(process.stderr.decode())
        self.assertEqual(os.path.getsize(model), before)

    def test_a_full_device_as_standard_output_exits_4(self):
        with open("/dev/full", "wb") as full:
            process = subprocess.run(
                self.command("--help"), stdout=full, stderr=subprocess.PIPE, env=self.environment, check=False
            )
        self.assertEqual(process.returncode, 4)
        self.assert_error_line(process.stderr.decode())

    def test_everything_closed_still_ends(self):
        command = subprocess.list2cmdline(self.command("run", "-m", "nowhere.gguf", "-p", "x")) + " <&- >&- 2>&-"
        self.assertEqual(subprocess.run(command, shell=True, env=self.environment, check=False).returncode, 5)


if __name__ == "__main__":
    unittest.main()
