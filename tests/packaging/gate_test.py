"""The gate on packages: what check_deb.py and depends.py find, and what they let through."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
sys.path.insert(0, str(SOURCE / "packaging"))
import check_deb  # noqa: E402

GOOD = ("Type: DYN\nGNU_STACK 0x0 RW 0x10\nGNU_RELRO", "(NEEDED) Shared library: [libc.so.6]\n(FLAGS_1) Flags: NOW PIE", "Name: GLIBC_2.34")
TABLE = check_deb.read_table()


def elf(headers=GOOD[0], dynamic=GOOD[1], versions=GOOD[2]):
    return list(check_deb.elf_faults(headers, dynamic, versions, TABLE))


class Gate(unittest.TestCase):
    def test_a_hardened_program_of_known_libraries_passes(self):
        self.assertEqual(elf(), [])

    def test_symbols_above_the_ceilings_are_found(self):
        for symbol in ("GLIBC_2.35", "GLIBC_2.38", "GLIBCXX_3.4.31", "CXXABI_1.3.14"):
            self.assertRegex(elf(versions=f"Name: {symbol}")[0], symbol)
        self.assertEqual(elf(versions="Name: GLIBCXX_3.4.30 GLIBC_2.4 CXXABI_1.3.13"), [])

    def test_libraries_outside_the_table_are_found(self):
        self.assertRegex(elf(dynamic=GOOD[1] + "\n(NEEDED) Shared library: [libfmt.so.9]")[0], "libfmt.so.9")

    def test_what_hardening_leaves_out_is_found(self):
        self.assertEqual(elf(headers=GOOD[0].replace("DYN", "EXEC")), ["is not position independent"])
        self.assertEqual(elf(dynamic=GOOD[1].replace("NOW", "")), ["is not read-only after relocation"])
        self.assertEqual(elf(dynamic=GOOD[1] + "\n(RUNPATH) Library runpath: [/x]"), ["has a run path"])
        self.assertEqual(elf(headers=GOOD[0].replace("RW ", "RWE ")), ["has an executable stack"])

    def test_dependencies_must_exist_in_four_distributions(self):
        faults = lambda depends: list(check_deb.dependency_faults(depends, TABLE))
        self.assertEqual(faults("libc6 (>= 2.34), libgpiod3 | libgpiod2t64 | libgpiod2, liblinnet1 (= 0.1.0)"), [])
        self.assertRegex(faults("libc6 (>= 2.36)")[0], "2.35")
        self.assertRegex(faults("libspdlog1.10-fmt9")[0], "not in dependencies.tsv")

    def test_a_package_that_links_the_unknown_is_not_built(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "linnet"
            root.mkdir()
            pathlib.Path(root / "program").write_bytes(pathlib.Path(os.environ["LINNET_BIN"]).read_bytes())
            table = pathlib.Path(folder) / "table"
            command = [sys.executable, "-B", SOURCE / "packaging/depends.py", "--table", table, root]
            table.write_text("libc.so.6\tlibc6\n")
            run = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn("libstdc++.so.6", run.stderr)
            table.write_text((SOURCE / "packaging/dependencies.tsv").read_text())
            subprocess.run(command, check=True)
            self.assertIn("libc6 (>= 2.34), ", pathlib.Path(f"{root}.substvars").read_text())


if __name__ == "__main__":
    unittest.main()
