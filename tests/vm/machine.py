"""A virtual machine: booted, spoken to through a root shell on a serial port, and cut off from its power.

The emulator runs without hardware acceleration, so that it works everywhere; the disk keeps what the guest flushed and
nothing else is promised, as with real power (cache=writeback: a flush of the guest goes to the host's page cache, which
outlives the emulator).
"""

import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

BOOT_SECONDS = 300
PROMPT = "guest-answered"


class Machine:
    """`folder` holds vmlinuz, initramfs and disk.img (make-machine.sh); `port` of the loopback leads to the guest's broker."""

    def __init__(self, folder, port, log):
        self.folder, self.port, self.log = pathlib.Path(folder), port, open(log, "ab")
        self.process, self.shell_socket, self.reader = None, None, None
        self.console, self.lines_seen, self.boots = [], [], 0
        self.asked = 0
        self.temporary = tempfile.TemporaryDirectory(prefix="linnet-vm-")

    def boot(self):
        """Returns the seconds until the guest's shell answers."""
        began = time.monotonic()
        shell = pathlib.Path(self.temporary.name) / f"shell-{self.boots}"
        self.boots += 1
        self.lines_seen.append(set())
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "2", "-m", "1024",
             "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
             "-chardev", f"socket,id=shell,path={shell},server=on,wait=off", "-serial", "chardev:shell",
             "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initramfs",
             "-drive", f"file={self.folder / 'disk.img'},format=raw,if=none,id=disk,cache=writeback",
             "-device", "virtio-blk-pci,drive=disk",
             "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:1883", "-device", "virtio-net-pci,netdev=net",
             "-append", "console=ttyS0 rw quiet loglevel=3 mitigations=off nokaslr tsc=reliable net.ifnames=0 systemd.show_status=0 panic=-1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read_console, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        self.shell_socket = self._connect(shell, began + BOOT_SECONDS)
        while True:  # What is written before the shell reads is lost: ask until it answers.
            try:
                self.run("true", 3)
                return time.monotonic() - began
            except TimeoutError:
                if self.process.poll() is not None or time.monotonic() - began > BOOT_SECONDS:
                    raise AssertionError("the guest does not boot:\n" + "\n".join(self.console[-30:])) from None

    @staticmethod
    def _connect(path, end):
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _read_console(self, stream):
        for raw in stream:
            self.log.write(raw)
            self.log.flush()
            line = raw.decode(errors="replace").rstrip()
            self.console.append(line)
            found = re.search(r"guest-lines ([01-]+)$", line)
            if found:
                self.lines_seen[-1] |= {number for number, value in enumerate(found[1]) if value == "1"}

    def run(self, command, seconds=60):
        """The command's exit code and what it printed. TimeoutError where the guest does not answer."""
        self.asked += 1
        mark = f"{PROMPT} {self.asked}"
        self.shell_socket.sendall(f"({command}) </dev/null 2>&1; echo; echo {mark} $?\n".encode())
        said, end = "", time.monotonic() + seconds
        while True:
            found = re.search(rf"^{mark} (\d+)\r?\n", said, re.MULTILINE)
            if found:
                before = re.split(rf"^{PROMPT} \d+ \d+\r?$", said[:found.start()], flags=re.MULTILINE)[-1]
                return int(found[1]), before.strip().replace("\r", "")
            if not select.select([self.shell_socket], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"the guest does not answer: {command}")
            piece = self.shell_socket.recv(65536)
            if not piece:
                raise TimeoutError("the guest is gone")
            said += piece.decode(errors="replace")

    def check(self, command, seconds=60):
        """What the command printed; it must succeed."""
        code, said = self.run(command, seconds)
        assert code == 0, f"{command}: exit code {code}: {said}"
        return said

    def cut_power(self):
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def power_off(self, seconds=90):
        """At once, but with everything on the disk."""
        self.shell_socket.sendall(b"sync; systemctl poweroff --force --force\n")
        self.process.wait(seconds)
        self._ended()

    def _ended(self):
        self.process.wait()
        self.reader.join(10)
        self.shell_socket.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.cut_power()
        self.temporary.cleanup()
        self.log.close()
