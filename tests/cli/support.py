"""What the tests of the `linnet` command share: the real binary, run in a world of its own."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from npy_rows import read_npy, read_rows  # noqa: F401
import tiny_model

LINNET = os.environ["LINNET_BIN"]
EMULATOR = os.environ.get("LINNET_EMULATOR", "").split()
# Not built where sanitizers bring an allocator of their own.
COUNTING_ALLOCATOR = os.path.join(os.path.dirname(LINNET), "liblinnet_counting_allocator.so")
SOURCE = os.environ["LINNET_SOURCE"]
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
TIMEOUT = 240  # Seconds; generous, because sanitizers and emulators are slow.


class CommandTest(unittest.TestCase):
    """A temporary folder, a cache directory in it, and helpers that run linnet there."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="linnet-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.cache = os.path.join(self.folder, "cache")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LINNET_")},
            "XDG_CACHE_HOME": self.cache,
            "HOME": self.folder,
            # Leaks are looked for in the unit tests; a process that ends on a signal has some by design.
            "ASAN_OPTIONS": "detect_leaks=0:handle_sigbus=0",
        }

    def path(self, name, content=None):
        """A path in the folder; with `content`, of a file that has it."""
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def command(self, *arguments):
        # An emulated program cannot start another one of its kind, which `linnet quantize` does.
        program = LINNET + "-quantize" if EMULATOR and arguments[:1] == ("quantize",) else LINNET
        return [*EMULATOR, program, *map(str, arguments)]

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen(
            self.command(*arguments),
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def linnet(self, *arguments, input=b"", environment=None, **options):
        """Runs to the end; stdout and stderr as bytes."""
        return subprocess.run(
            self.command(*arguments),
            input=input if isinstance(input, bytes) else input.encode(),
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            **options,
        )

    def ok(self, *arguments, **options):
        """Runs, expects exit 0, gives standard output as text."""
        result = self.linnet(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr.decode(errors="replace"))
        return result.stdout.decode()

    def ok_json(self, *arguments, **options):
        output = self.ok(*arguments, "--json", **options)
        self.assertEqual(output.count("\n"), 1, "one object on one line")
        return json.loads(output)

    def refused(self, code, *arguments, says=(), **options):
        """Runs, expects the exit code and one line on standard error that contains each of `says`; gives the line."""
        result = self.linnet(*arguments, **options)
        message = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, code, f"{arguments}: {message}")
        self.assert_error_line(message)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, message)
        return message

    def assert_error_line(self, message):
        lines = message.splitlines()
        self.assertEqual(len(lines), 1, message)
        self.assertTrue(lines[0].startswith("linnet: "), message)
        self.assertTrue(message.endswith("\n"), message)

    def files(self, folder=None):
        """Names of everything under a folder, hidden files included."""
        found = []
        for root, _, names in os.walk(folder or self.folder):
            found += [os.path.relpath(os.path.join(root, name), folder or self.folder) for name in names]
        return sorted(found)


class ModelTest(CommandTest):
    """With a tiny float model that has a chat template."""

    def setUp(self):
        super().setUp()
        self.model = self.path("model.gguf", tiny_model.model_bytes(template=TEMPLATE))
