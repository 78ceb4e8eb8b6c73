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


if __name__ == "__main__":
    unittest.main()
