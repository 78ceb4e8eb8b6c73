"""The programs on the oldest processors that the amd64 packages are for: the same answer as here, and no illegal instruction."""

import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
LINNET = os.environ["LINNET_BIN"]
QEMU = shutil.which("qemu-x86_64-static")


def answer(model, *before):
    command = [*before, LINNET, "run", "-m", model, "-p", "turn off the lights in the bedroom", "--threads", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout


@unittest.skipUnless(QEMU and platform.machine() == "x86_64", "qemu-x86_64-static, or an x86-64 build, is missing")
class Baseline(unittest.TestCase):
    def test_processors_without_avx2_answer_alike(self):
        with tempfile.TemporaryDirectory() as folder:
            model = f"{folder}/pilot.gguf"
            subprocess.run([LINNET, "pack", SOURCE / "models/pilot/pilot-int4.gguf", "-o", model], check=True, capture_output=True)
            expected = answer(model)
            self.assertEqual(expected[0], 0)
            self.assertIn('"intent":"iot_hue_lightoff"', expected[1])
            for processor in ("qemu64", "SandyBridge"):  # x86-64-v1, and AVX without AVX2.
                self.assertEqual(answer(model, QEMU, "-cpu", processor), expected, processor)


class InstallationBelowTheBaseline(unittest.TestCase):
    """What dpkg runs first of the armhf packages, told by a `uname` of ours which processor it is on."""

    def outcome(self, machine, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            uname = pathlib.Path(folder, "uname")
            uname.write_text(f"#!/bin/sh\necho {machine}\n")
            uname.chmod(0o755)
            script = SOURCE / "packaging/debian/preinst.armhf-baseline"
            run = subprocess.run([script, *arguments], capture_output=True, text=True, check=False, env={"PATH": f"{folder}:/usr/bin:/bin"})
            return run.returncode, run.stderr

    def test_armv6_is_refused_in_words(self):
        for arguments in (["install"], ["upgrade", "0.0.9"]):
            status, words = self.outcome("armv6l", *arguments)
            self.assertEqual(status, 1)
            self.assertIn("needs an ARMv7 processor or a later one; this is an armv6l", words)

    def test_armv7_and_a_64_bit_kernel_are_served_and_a_failed_upgrade_is_undone(self):
        for machine, action in (("armv7l", "install"), ("aarch64", "install"), ("armv6l", "abort-upgrade")):
            self.assertEqual(self.outcome(machine, action), (0, ""), machine)


if __name__ == "__main__":
    unittest.main()
