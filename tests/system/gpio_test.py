"""linnetd and a chip that the real libgpiod drives: what is done to a line on request, at exit, and after a crash."""

import os
import pathlib
import signal
import unittest

import world

CHIP, PLUGINS = os.environ.get("LINNET_FAKE_GPIO", ""), os.environ.get("LINNET_GPIO_FOLDER", "")


@unittest.skipUnless(CHIP and PLUGINS, "no GPIO plug-in is built")
class Gpio(world.World):
    def setUp(self):
        super().setUp()
        broker = self.broker()
        self.client_ = self.client(broker.port)
        self.device = self.daemon(broker.port, start=False)
        text = self.device.configuration.read_text().replace(f'board = "sim:{self.folder}/board.toml"', f'plugin_directory = "{PLUGINS}"')
        self.device.configuration.write_text(text)
        self.log = pathlib.Path(self.folder) / "gpio.log"
        self.start()

    def start(self):
        self.device.start(environment={"LD_PRELOAD": CHIP, "FAKE_GPIO_LOG": str(self.log)})
        self.wait_ready(self.device, self.client_)

    def done(self, line="LAMP"):
        """What was done to a line since the last time that this was asked."""
        words = [entry.split() for entry in self.log.read_text().splitlines()]
        self.log.write_text("")
        return [" ".join(word for word in entry if word != line) for entry in words if entry[1] == line]

    def test_a_line_is_driven_and_let_go_in_its_safe_state(self):
        self.assertEqual(self.done(), ["request output 0"])
        self.assertEqual(self.client_.ask("gpio", "on", {"line": "LAMP", "active": True})["status"], "done")
        self.client_.ask("infer", "sentence", {"prompt": "can you turn my bedroom lights off"})
        self.assertTrue(self.client_.ask("gpio", "read", {"line": "LAMP"})["result"])
        self.assertEqual(self.done(), ["set 1", "set 1"], "by the command, and by the rule")
        self.assertEqual(self.device.stop(), 0)
        self.assertEqual(self.done(), ["set 0", "release 0"])

    def test_after_a_crash_the_next_start_brings_the_safe_state(self):
        self.assertEqual(self.client_.ask("gpio", "on", {"line": "LAMP", "active": True})["status"], "done")
        self.done()
        self.device.kill(signal.SIGKILL)
        self.assertEqual(self.done(), [], "a killed process does nothing; the kernel lets go")
        self.start()
        self.assertEqual(self.done(), ["request output 0"])
        self.assertFalse(self.client_.ask("gpio", "read", {"line": "LAMP"})["result"])


if __name__ == "__main__":
    world.main()
