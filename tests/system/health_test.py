"""What the service manager is told, what secrets are never told, and how it ends with a configuration that is wrong."""

import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

import world


class Manager:
    """systemd as sd_notify(3) sees it: keeps what it is told, with the time."""

    def __init__(self, folder):
        self.path = str(pathlib.Path(folder) / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                self.told.append((time.monotonic(), self.socket.recv(4096).decode()))
            except OSError:
                return

    def count(self, state):
        return sum(state in words.split("\n") for _, words in list(self.told))


class Health(world.World):
    def managed(self, port, **options):
        self.manager = Manager(self.folder)
        self.addCleanup(self.manager.socket.close)
        environment = {"NOTIFY_SOCKET": self.manager.path, **options.pop("environment", {})}
        device = self.daemon(port, start=False, **options)
        return device.start(environment=environment)

    def test_ready_without_a_broker_and_watched_while_it_waits(self):
        device = self.managed(world.free_port())
        world.wait_until(lambda: self.manager.count("READY=1"), 5 * world.LEEWAY, "it says that it is ready")
        watched = self.manager.count("WATCHDOG=1")
        world.wait_until(lambda: self.manager.count("WATCHDOG=1") >= watched + 5, 10, "it is alive")
        device.process.send_signal(signal.SIGHUP)
        world.wait_until(lambda: self.manager.count("RELOADING=1") and self.manager.count("READY=1") == 2, 10, "it tells of the reload")
        self.assertEqual(device.stop(), 0)
        self.assertEqual(self.manager.count("STOPPING=1"), 1)

    def test_the_watchdog_hears_nothing_while_the_worker_is_stuck(self):
        if not world.SOAK:
            self.skipTest("a prefill may take two minutes on a small board, so this does: make soak")
        port = self.broker().port
        client = self.client(port)
        device = self.managed(port, environment={"LINNET_FAIL_POINT": "started:1:600000"})
        self.wait_ready(device, client)
        client.send("infer", "stuck", {"prompt": "turn on the radio"})
        world.wait_until(lambda: client.accepted("stuck"), 20, "accepted")
        time.sleep(125)
        watched = self.manager.count("WATCHDOG=1")
        self.assertEqual(client.ask("status", "alive")["status"], "done", "all but the worker goes on")
        time.sleep(10)
        self.assertEqual(self.manager.count("WATCHDOG=1"), watched)

    def test_a_password_of_a_credential_lets_it_in_and_is_told_to_nobody(self):
        secret, folder = "correct-horse-9341", pathlib.Path(self.folder)
        passwords = folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "dut", secret], check=True, capture_output=True)
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), "tester", "other"], check=True, capture_output=True)
        passwords.chmod(0o644)
        broker = self.broker(settings=f"allow_anonymous false\npassword_file {passwords}\n" + ("user root\n" if os.geteuid() == 0 else ""))
        credentials = folder / "credentials"
        credentials.mkdir()
        (credentials / "mqtt-password").write_text(secret + "\n")
        device = self.managed(broker.port, mqtt='username = "dut"\n', environment={"CREDENTIALS_DIRECTORY": str(credentials)})
        world.wait_until(lambda: "connected to the broker" in device.words(), 20, "it is let in")
        device.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        self.assertEqual(device.stop(), 0)
        (folder / "secret").write_text(secret)
        text = device.configuration.read_text()
        device.configuration.write_text(text.replace('username = "dut"', f'username = "dut"\npassword_file = "{folder}/secret"'))
        checked = subprocess.run([world.LINNETD, "-c", device.configuration, "--check"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        told = device.words() + checked.stdout + checked.stderr + "".join(words for _, words in self.manager.told)
        kept = [path.read_bytes() for path in device.state.iterdir() if path.is_file()]
        self.assertNotIn(secret, told)
        self.assertFalse(any(secret.encode() in file for file in kept))

    def test_a_wrong_configuration_ends_with_2_and_names_file_line_and_what_is_accepted(self):
        device = self.daemon(world.free_port(), start=False)
        additions = device.folder / "conf.d"
        additions.mkdir()
        (additions / "site.toml").write_text('[mqtt]\nkeep_alive_s = 1\n[lines.LAMP]\nbias = "up"\n')
        for arguments in ([], ["--check"]):
            ended = subprocess.run([world.LINNETD, "-c", device.configuration, *arguments], capture_output=True, text=True, timeout=30)
            self.assertEqual(ended.returncode, 2, "RestartPreventExitStatus of the unit")
            first, second = ended.stderr.splitlines()
            self.assertRegex(first, r"conf.d/site.toml:2: .*keep_alive_s.* from 5 to ")
            self.assertRegex(second, r"conf.d/site.toml:4: .*bias.*pull-up")
        self.assertIn("RestartPreventExitStatus=2", (world.SOURCE / "packaging/systemd/linnetd.service").read_text())


if __name__ == "__main__":
    world.main()
