"""The man pages and the completion that are made from --help and from Markdown."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
MAN = SOURCE / "packaging" / "man"
sys.path.insert(0, str(MAN))
import markdown_manual  # noqa: E402


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="linnet-manual-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        subprocess.run([sys.executable, "-B", MAN / "command_manual.py", cls.folder, "1.2.3", os.environ["LINNET_BIN"]], check=True)

    def complete(self, *words):
        """What bash offers after these words of a command line."""
        script = f"source {self.folder}/linnet.bash; COMP_WORDS=(linnet \"$@\"); COMP_CWORD=$#; _linnet; echo ${{COMPREPLY[*]}}"
        return subprocess.run(["bash", "-c", script, "-", *words], check=True, capture_output=True, text=True).stdout.split()

    def test_every_command_has_a_page_with_its_options(self):
        page = (self.folder / "linnet-run.1").read_text()
        for text in (r".TH LINNET\-RUN 1", r"linnet\-run \- completes one prompt", r".B \-m,\-\-model FILE", r".BR linnet (1)"):
            self.assertIn(text, page)
        commands = subprocess.run([os.environ["LINNET_BIN"], "--help"], capture_output=True, text=True).stdout
        for page in self.folder.glob("linnet-*.1"):
            self.assertIn(f"  {page.stem.removeprefix('linnet-')} ", commands)

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_groff_has_nothing_to_say(self):
        for page in self.folder.glob("*.1"):
            run = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True)
            self.assertEqual(run.stderr, "", page.name)

    def test_completion_knows_commands_and_options(self):
        self.assertEqual(self.complete("ru"), ["run"])
        self.assertEqual(self.complete("run", "--mem"), ["--mem-budget"])
        self.assertIn("linnet.1", self.complete("info", f"{self.folder}/linnet.1")[0])

    def test_a_table_becomes_a_list(self):
        lines = ["| key | type | meaning |", "|---|---|---|", "| `id` | text | names it \\| for ever |"]
        self.assertEqual(markdown_manual.without_tables(lines), ["", "`id`", ":   type: text; meaning: names it | for ever"])

    def test_the_pages_tables_are_whole(self):
        for page in (SOURCE / "docs" / "mqtt.md", *MAN.glob("*.md")):
            markdown_manual.without_tables(page.read_text().splitlines())


if __name__ == "__main__":
    unittest.main()
