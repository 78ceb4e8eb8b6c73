#!/usr/bin/python3
"""Shows Linnet as a device: a broker on the loopback, linnetd on a simulated board, ten sentences said to it over MQTT.

usage: demo.py FOLDER_OF_PROGRAMS

Prints what the pilot model made of each sentence, what the configured rules did with it, and the device's figures; then
everything that was started ends. The labels are people's: models/pilot/README.md says how often the model agrees.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PILOT = HERE.parents[2] / "models/pilot"
START_SECONDS = 15


def missing(what):
    sys.exit(f"demo: {what}")


class Home:
    """The broker, the device and the client's view of both, in a folder that goes away with them."""

    def __init__(self, programs):
        self.linnet, self.linnetd = programs / "linnet", programs / "linnetd"
        for program in (self.linnet, self.linnetd):
            if not os.access(program, os.X_OK):
                missing(f"{program} is not built: run `make demo`")
        self.mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not self.mosquitto:
            missing("mosquitto is not installed: apt-get install mosquitto")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="linnet-demo-"))
        self.children = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, name, *command):
        with open(self.folder / f"{name}.log", "wb") as log:
            self.children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def start(self):
        broker = self.folder / "mosquitto.conf"
        broker.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.run("mosquitto", self.mosquitto, "-c", broker)
        self.await_start("mosquitto", lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)
        shutil.copy(HERE / "board.toml", self.folder)
        text = (HERE / "linnetd.toml").read_text()
        for name, value in (("@FOLDER@", self.folder), ("@PORT@", self.port), ("@MODEL@", PILOT / "pilot-int4.gguf")):
            text = text.replace(name, str(value))
        (self.folder / "state").mkdir()
        (self.folder / "linnetd.toml").write_text(text)
        self.run("linnetd", self.linnetd, "-c", self.folder / "linnetd.toml")
        self.await_start("linnetd", lambda: self.ctl("status", "--timeout", "1").returncode == 0)

    def await_start(self, name, ready):
        end = time.monotonic() + START_SECONDS
        while not ready():
            if self.children[-1].poll() is not None or time.monotonic() > end:
                missing(f"{name} does not start:\n{(self.folder / f'{name}.log').read_text()}")
            time.sleep(0.05)

    def ctl(self, *arguments):
        """One `linnet ctl`, as anybody on the network would call it."""
        settings = ("--host", "127.0.0.1", "--port", str(self.port), "--group", "demo", "--node", "home", "--who", "demo")
        own = {**os.environ, "XDG_CONFIG_HOME": str(self.folder)}  # Nobody's own settings.
        return subprocess.run([self.linnet, "ctl", *arguments, *settings], capture_output=True, text=True, env=own)

    def ask(self, *arguments):
        run = self.ctl(*arguments)
        if run.returncode != 0:
            missing(f"linnet ctl {arguments[0]}: {run.stderr.strip()}\n{(self.folder / 'linnetd.log').read_text()}")
        return run.stdout

    def lines(self):
        names = ("BEDROOM_LIGHT", "LIVING_ROOM_LIGHT", "SPEAKER", "ALARM_NINE_AM")
        return {name: self.ask("gpio", name).split()[-1] for name in names}


def pairs(slots):
    """The (type, value) pairs of an answer's slots, sorted; a type that occurs twice holds an array."""
    return sorted((kind, value) for kind, values in slots.items() for value in (values if isinstance(values, list) else [values]))


def as_labelled(text, label):
    try:
        said = json.loads(text)
        return (said["intent"] == label["intent"]
                and pairs(said["slots"]) == sorted((entity["type"], entity["value"]) for entity in label["entities"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def say_all(home, labels):
    """Prints all; returns how many answers are as labelled, milliseconds to each one's first token, its tokens a second."""
    right, lines, first, speed = 0, home.lines(), [], []
    for label in labels:
        outcome = json.loads(home.ask("infer", "-p", label["text"], "--temp", "0", "--json"))
        agrees = as_labelled(outcome["text"], label)
        right += agrees
        timings = outcome["timings"]
        first.append(timings["first_token_ms"])
        speed.append(1000 * (outcome["tokens"] - 1) / (timings["total_ms"] - timings["first_token_ms"]))
        print(f"\n{label['text']}{'' if agrees else '   (labelled otherwise)'}\n  {outcome['text']}", flush=True)
        for deed in outcome.get("actions", []):
            print(f"  rule \"{deed['rule']}\": {deed['target']}{'' if deed['done'] else ', not done: ' + deed['reason']}")
        now = home.lines()
        for name in (name for name in now if now[name] != lines[name]):
            print(f"  line {name}: {lines[name]} -> {now[name]}")
        lines = now
    return right, first, speed


def figures(home):
    status = json.loads(home.ask("status", "--json"))
    return status.get("figures", status)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    labels = [json.loads(line) for line in (PILOT / "demo.jsonl").read_text().splitlines()]
    with Home(pathlib.Path(sys.argv[1]).resolve()) as home:
        began = time.monotonic()
        home.start()
        print(f"mosquitto and linnetd run on the loopback, ready after {time.monotonic() - began:.1f} s")
        right, first, speed = say_all(home, labels)
        time.sleep(1.1)  # One more period of telemetry.
        told = figures(home)
        print(f"\n{len(labels)} sentences, {right} as labelled; first token after {statistics.median(first):.1f} ms, "
              f"{statistics.median(speed):.0f} tokens/s (medians). The device's figures:")
        for name in ("requests", "done", "failed", "tokens", "flush_ms", "temperature_c", "power_w", "energy_j"):
            if name in told:
                print(f"  {name:24} {told[name]:.6g}")
        for name in ("memory_anonymous_bytes", "memory_mapped_bytes"):
            if name in told:
                print(f"  {name.removesuffix('_bytes'):24} {told[name] / 2**20:.1f} MiB")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
