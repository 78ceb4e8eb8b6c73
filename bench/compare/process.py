"""Runs a program to its end and watches its memory."""
import dataclasses
import os
import subprocess
import tempfile
import threading
import time

INTERVAL = 0.002  # Seconds between two looks at the memory.


@dataclasses.dataclass(frozen=True)
class Finished:
    output: str             # Standard output and standard error.
    seconds: float          # From its start to its end.
    resident_bytes: int     # The most that was resident at once, mapped files included.
    anonymous_bytes: int    # The most of it that no file backs, as far as looks every INTERVAL showed.


def status_bytes(pid, key):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith(key)), 0)
    except (OSError, ValueError):  # It has ended.
        return 0


def run(command, environment=None):
    """Raises RuntimeError with the program's last lines where it fails."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment)
        most, stop = [0], threading.Event()

        def watch():
            while not stop.wait(INTERVAL):
                most[0] = max(most[0], status_bytes(child.pid, "RssAnon:"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        stop.set()
        watcher.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {child.returncode}:\n" + "\n".join(text.splitlines()[-8:]))
    return Finished(text, seconds, usage.ru_maxrss * 1024, most[0])
