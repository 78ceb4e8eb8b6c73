"""liblinnet as it is installed: a C11 example, misuse, what it exports and what it links."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = pathlib.Path(os.environ["LINNET_SOURCE"]), os.environ["LINNET_BUILD"]
LINNET = os.environ["LINNET_BIN"]
HERE = SOURCE / "tests" / "library"
PILOT = SOURCE / "models" / "pilot" / "pilot-int4.gguf"
SENTENCE = "turn off the lights in the bedroom"
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
# The engine library may need nothing else (DESIGN: it can be embedded).
MAY_LINK = re.compile(r"^(?:libpcre2-8|libstdc\+\+|libgcc_s|libc|libm|ld-linux[\w-]*)\.so\.\d+$")

sys.path.insert(0, str(SOURCE / "tests" / "cli"))
import tiny_model  # noqa: E402


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240, **options).stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="linnet-library-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        output("cmake", "--install", BUILD, "--prefix", cls.folder, "--component", "library")
        cls.library = next(cls.folder.rglob("liblinnet.so.1"))
        # --prefix moves the files; the .pc file names the prefix that was configured, which pkg-config can replace.
        cls.environment = {**os.environ, "PKG_CONFIG_PATH": str(cls.library.parent / "pkgconfig"),
                           "LD_LIBRARY_PATH": str(cls.library.parent)}
        flags = [f"-I{cls.folder}/include", f"-L{cls.library.parent}", "-llinnet"]
        for program in ("example", "misuse"):
            output(os.environ["CC"], "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", HERE / f"{program}.c",
                   "-o", cls.folder / program, *flags)
        cls.packed = cls.folder / "pilot.gguf"
        output(LINNET, "pack", PILOT, "-o", cls.packed)

    def test_pkg_config_names_what_a_program_needs(self):
        words = output("pkg-config", "--cflags", "--libs", "linnet", env=self.environment).split()
        self.assertIn("-llinnet", words)
        self.assertEqual(output("pkg-config", "--modversion", "linnet", env=self.environment).strip(),
                         output(LINNET, "--version").split()[1])

    def test_the_example_answers_as_the_command_does(self):
        lines = output(self.folder / "example", self.packed, SENTENCE, env=self.environment).splitlines()
        self.assertEqual(lines[0], output(LINNET, "run", "-m", self.packed, "-p", SENTENCE).strip())
        self.assertRegex(lines[1], r"^\d+ tokens read, \d+ written$")

    def test_misuse_is_answered(self):
        model = self.folder / "tiny.gguf"
        model.write_bytes(tiny_model.model_bytes(template=TEMPLATE))
        malformed = self.folder / "malformed.gguf"
        malformed.write_bytes(b"GGUF" + bytes(20))
        run = subprocess.run([self.folder / "misuse", model, PILOT, malformed], env=self.environment,
                             capture_output=True, text=True, timeout=240)
        self.assertEqual((run.returncode, run.stdout), (0, "0 faults\n"), run.stderr)

    def test_it_exports_the_header_and_nothing_else(self):
        declared = set(re.findall(r"\b(linnet_\w+)\(", re.sub(r"//.*", "", (SOURCE / "runtime/linnet.h").read_text())))
        symbols = output("nm", "-D", "--defined-only", self.library).split("\n")
        exported = {line.split()[2].split("@")[0] for line in symbols if line and line.split()[1] != "A"}
        self.assertEqual(exported, declared)

    def test_it_links_pcre2_and_the_system_alone(self):
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-dW", self.library))
        self.assertEqual([name for name in needed if not MAY_LINK.match(name)], [])
        self.assertIn("[liblinnet.so.1]", output("readelf", "-dW", self.library))


if __name__ == "__main__":
    unittest.main()
