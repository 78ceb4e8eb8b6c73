"""`linnet ctl` as a person sees it: on a terminal, ended with Ctrl-C, over TLS with the certificates that it made."""

import fcntl
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
import unittest

import paho.mqtt.client as paho
import world

sys.path.insert(0, str(world.SOURCE / "tests/cli"))
import tiny_model  # noqa: E402


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Terminal(world.World):
    def setUp(self):
        super().setUp()
        keys, packaged = pathlib.Path(self.folder) / "keys", world.SOURCE / "packaging/mosquitto"
        subprocess.run([world.LINNET, "ctl", "keys", keys, "dut", "tester"], check=True, capture_output=True)
        settings = (packaged / "linnet.conf").read_text().replace("listener 8883\n", "").replace("/etc/mosquitto/certs/linnet", str(keys))
        settings = settings.replace("/etc/mosquitto/linnet.acl", str(packaged / "linnet.acl"))
        self.port = self.broker(settings=settings + ("user root\n" if os.geteuid() == 0 else "")).port
        model = pathlib.Path(self.folder) / "tiny.gguf"
        model.write_bytes(tiny_model.model_bytes(context=60000, seed=3))
        section = f'[mqtt.tls]\nca = "{keys}/ca.crt"\ncertificate = "{keys}/dut.crt"\nkey = "{keys}/dut.key"'
        self.device = self.daemon(self.port, start=False, mqtt=section, more=f'[engine]\ndefault_model = "pilot"\n[models.tiny]\npath = "{model}"\ncontext = 60000\n')
        self.device.start(environment={"XDG_CACHE_HOME": self.folder})
        self.where = ["--host", "localhost", "--port", str(self.port), "--group", "lab", "--node", "dut", "--ca", str(keys / "ca.crt"),
                      "--certificate", str(keys / "tester.crt"), "--key", str(keys / "tester.key")]
        world.wait_until(lambda: self.ctl("status").returncode == 0, 30, "the device answers")

    def ctl(self, *arguments):
        return subprocess.run([world.LINNET, "ctl", *arguments, *self.where], capture_output=True, text=True, timeout=60)

    def on_terminal(self, *arguments, until, seconds=30):
        """Types Ctrl-C once `until` was shown; returns what was shown and the exit code."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(world.LINNET, [world.LINNET, "ctl", *arguments, *self.where])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        shown, end, typed = b"", time.monotonic() + seconds, False
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:  # The other end is closed: it has ended.
                    break
            if not typed and until in shown:
                typed = True
                os.write(terminal, b"\x03")
        self.assertTrue(typed, shown[-500:])
        return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_watch_shows_the_device_and_leaves_the_screen_as_it_was(self):
        self.assertEqual(self.ctl("infer", "-p", "can you turn my bedroom lights off").returncode, 0)
        shown, code = self.on_terminal("watch", "--period", "0.3", until=b"infer   tester")
        self.assertEqual(code, 0)
        self.assertTrue(shown.startswith("\x1b[?1049h") and shown.endswith("\x1b[?1049l"), repr(shown[-80:]))
        screen = shown.split("\x1b[H")[-1].replace("\x1b[K", "")
        for words in ("dut  online", "Test board", "model pilot", "tokens/s", "queue", "temperature 45.0 °C", "last requests", "done       infer"):
            self.assertIn(words, screen)
        self.assertLess(screen.count("\n"), 24)

    def test_watch_shows_a_fleet_and_what_is_gone_is_faint(self):
        gone = paho.Client("gone", protocol=paho.MQTTv5)
        keys = pathlib.Path(self.folder) / "keys"
        subprocess.run([world.LINNET, "ctl", "keys", keys, "gone"], check=True, capture_output=True)
        gone.tls_set(str(keys / "ca.crt"), str(keys / "gone.crt"), str(keys / "gone.key"))
        gone.connect("localhost", self.port)
        gone.loop_start()
        gone.publish("linnet/1/lab/gone/avail", b"offline", qos=1, retain=True).wait_for_publish()
        gone.disconnect()
        gone.loop_stop()
        shown, code = self.on_terminal("watch", "--fleet", "--period", "0.3", until=b"pilot")
        self.assertEqual(code, 0)
        self.assertTrue(shown.startswith("\x1b[?1049h") and shown.endswith("\x1b[?1049l"), repr(shown[-80:]))
        rows = [row for row in shown.split("\x1b[H")[-1].replace("\x1b[K", "").splitlines() if row]
        self.assertIn("lab  1 of 2 online", rows[0])
        self.assertRegex(rows[2], r"^  dut +online +pilot +0 .*45\.0 °C")
        self.assertRegex(rows[3], r"^\x1b\[2m  gone +offline .*\x1b\[0m")

    def test_ctrl_c_cancels_what_was_asked(self):
        shown, code = self.on_terminal("infer", "-m", "tiny", "-p", "hello", "-n", "50000", "--id", "cut", until=b"e")
        self.assertEqual(code, 130, shown[-300:])
        ended = self.ctl("infer", "-m", "tiny", "-p", "hello", "-n", "50000", "--id", "cut", "--json")
        self.assertIn('"cancelled"', ended.stdout + ended.stderr)

    def test_without_tls_it_is_told_what_is_missing(self):
        plain = subprocess.run([world.LINNET, "ctl", "status", "--host", "localhost", "--port", str(self.port), "--node", "dut"],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(plain.returncode, 5)
        self.assertIn("--ca", plain.stderr)
        self.assertEqual(len(plain.stderr.splitlines()), 1)


if __name__ == "__main__":
    world.main()
