"""What the system tests share: a real mosquitto, a real linnetd with the pilot model, a client, and helpers to wait.

Everything runs on the loopback, on ports that were free a moment ago, in a temporary folder of each test.
"""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
LINNET = os.environ["LINNET_BIN"]
LINNETD = os.environ.get("LINNETD_BIN", "")
PILOT = SOURCE / "models/pilot/pilot-int4.gguf"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")

# The long form (`make soak`) runs the whole counts and holds deadlines as they are; the short one allows four times.
SOAK = os.environ.get("LINNET_SOAK") == "1"
LEEWAY = 1 if SOAK else 4
OUTCOMES = {"done", "failed", "cancelled", "expired"}


def scaled(short, long):
    """How often: `short` times in `make check`, `long` times in `make soak`."""
    return long if SOAK else short


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Returns the condition's first true value; fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.01)


class Broker:
    """mosquitto; `settings` are lines of its configuration beside the listener."""

    def __init__(self, folder, settings="allow_anonymous true\n", port=None, listener="listener {port} 127.0.0.1\n"):
        self.port = port or free_port()
        self.folder = pathlib.Path(folder)
        self.configuration = self.folder / f"mosquitto-{self.port}.conf"
        self.configuration.write_text(listener.format(port=self.port) + settings)
        self.log = self.folder / f"mosquitto-{self.port}.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", self.configuration], stdout=log, stderr=log)
        wait_until(self.answers, 10, "mosquitto takes connections")
        return self

    def answers(self):
        assert self.process.poll() is None, f"mosquitto ended:\n{self.log.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()


class Client:
    """A requester: keeps every message about each of its requests, in order."""

    def __init__(self, port, who="tester", group="lab", node="dut", clean=True, listens=True):
        self.who, self.base, self.listens = who, f"linnet/1/{group}/{node}", listens
        self.messages = collections.defaultdict(list)  # id -> [decoded message]
        self.payloads = collections.defaultdict(list)  # id -> [bytes of each outcome]
        self.events, self.states = [], {}
        self.lock = threading.Lock()
        self.connected = threading.Event()
        self.client = paho.Client(f"test-{who}-{os.getpid()}-{id(self)}", protocol=paho.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.connected.clear()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(0.05, 0.2)
        self.client.max_queued_messages_set(0)
        self.client.max_inflight_messages_set(100)
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 0 if clean else 3600
        self.client.connect_async("127.0.0.1", port, clean_start=clean, properties=expiry)
        self.client.loop_start()

    def _on_connect(self, client, _userdata, _flags, reason, _properties):
        if reason == 0:
            for tail in (f"rsp/{self.who}/#", "avail", "birth", "health", "event/#") if self.listens else ():
                client.subscribe(f"{self.base}/{tail}", qos=1)
            self.connected.set()

    def _on_message(self, _client, _userdata, message):
        tail = message.topic[len(self.base) + 1:]
        with self.lock:
            if not tail.startswith("rsp/"):
                self.states[tail] = message.payload
                if tail.startswith("event/"):
                    self.events.append((tail, json.loads(message.payload)))
                return
            said = json.loads(message.payload)
            self.messages[said["id"]].append(said)
            if said.get("status") in OUTCOMES:
                self.payloads[said["id"]].append(message.payload)

    def ready(self, seconds=10):
        assert self.connected.wait(seconds), "the test's client did not connect"
        return self

    def send(self, operation, request, args=None, **more):
        """Publishes a request under the id `request`; returns paho's handle of the message."""
        topic = f"{self.base}/req/{self.who}/{operation}"
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"{self.base}/rsp/{self.who}/{request}"
        properties.CorrelationData = request.encode()
        payload = json.dumps({"id": request, "args": args or {}, **more})
        return self.client.publish(topic, payload, qos=1, properties=properties)

    def said(self, request):
        with self.lock:
            return list(self.messages[request])

    def outcome_of(self, request):
        with self.lock:
            ends = [said for said in self.messages[request] if said.get("status") in OUTCOMES | {"rejected"}]
        return ends[-1] if ends else None

    def forget(self, request):
        with self.lock:
            self.messages[request].clear()
            self.payloads[request].clear()

    def accepted(self, request):
        return any(said.get("status") == "accepted" for said in self.said(request))

    def ask(self, operation, request, args=None, seconds=30, **more):
        """Sends and waits for the end."""
        self.send(operation, request, args, **more)
        return wait_until(lambda: self.outcome_of(request), seconds, f"{operation} {request} has an outcome")

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Daemon:
    """linnetd on a simulated board, with the pilot model unless told otherwise."""

    BOARD = """
name = "Test board"
record = "{record}"
[facts]
cores = 2
memory = "4G"
zones = [{{ name = "cpu", passive = 80000 }}]
[[line]]
name = "LAMP"
[[line]]
name = "DOOR"
[[vitals]]
at_ms = 0
memory_available = "2G"
temperatures = {{ cpu = 45000 }}
"""

    CONFIGURATION = """
state_directory = "{state}"
board = "sim:{board}"
stop_time_ms = 5000
{top}
[device]
group = "lab"
node = "{node}"
[mqtt]
host = "127.0.0.1"
port = {port}
{mqtt}
[telemetry]
period_s = 1
{telemetry}
[queue]
waiting = 1000
waiting_per_client = 1000
requests_per_second = 10000
burst = 10000
[models.pilot]
path = "{model}"
load_at_start = true
[lines.LAMP]
remote = true
[lines.DOOR]
[roles]
tester = "root"
viewer = "viewer"
[[rules]]
name = "bedroom lights off"
when = {{ intent = "iot_hue_lightoff", "slots.house_place" = "bedroom" }}
line = "LAMP"
active = true
{more}
"""

    def __init__(self, folder, port, node="dut", model=PILOT, top="", mqtt="", telemetry="", more="", state="state", lines=0,
                 board=None):
        """`lines`: so many more that clients may drive, L0, L1 …; `record` is what the board says was done to any. `board`:
        the text of another board, with lines LAMP and DOOR."""
        self.folder = pathlib.Path(folder)
        self.node, self.process, self.starts = node, None, 0
        self.state = self.folder / state
        self.state.mkdir(exist_ok=True)
        script = self.folder / "board.toml"
        self.record = self.folder / "lines.txt"
        names = [f"L{number}" for number in range(lines)]
        script.write_text((board or self.BOARD.format(record=self.record)) + "".join(f'[[line]]\nname = "{name}"\n' for name in names))
        more += "".join(f"[lines.{name}]\nremote = true\n" for name in names)
        self.configuration = self.folder / f"{node}.toml"
        self.configuration.write_text(self.CONFIGURATION.format(
            state=self.state, board=script, node=node, port=port, model=model, top=top, mqtt=mqtt, telemetry=telemetry, more=more))
        self.log = self.folder / f"{node}.log"

    def start(self, environment=None, wrapper=()):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*wrapper, LINNETD, "-c", self.configuration], stdout=log, stderr=log,
                                            env={**os.environ, **(environment or {})})
        self.starts += 1
        return self

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait() if self.process else None

    def stop(self, seconds=30):
        """TERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def words(self):
        return self.log.read_text(errors="replace")


@unittest.skipUnless(MOSQUITTO, "mosquitto is not installed")
class World(unittest.TestCase):
    """A folder and whatever a test starts in it, ended with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="linnet-system-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def broker(self, **options):
        broker = Broker(self.folder, **options)
        self.addCleanup(broker.kill)
        return broker.start()

    def client(self, port, **options):
        client = Client(port, **options)
        self.addCleanup(client.close)
        return client.ready()

    def daemon(self, port, start=True, **options):
        if not LINNETD or not os.path.exists(LINNETD):
            self.skipTest("linnetd is not built")
        daemon = Daemon(self.folder, port, **options)
        self.addCleanup(self._end, daemon)
        return daemon.start() if start else daemon

    def run(self, result=None):
        self._faults = lambda: len(result.failures) + len(result.errors)
        self._faults_before = self._faults()
        return super().run(result)

    def _end(self, daemon):
        daemon.kill()
        if self._faults() > self._faults_before:
            print(f"--- {daemon.log.name}\n{daemon.words()[-4000:]}")

    def wait_ready(self, daemon, client, seconds=5):
        """Until it answers `status`; returns the seconds that took. 5 s is what the daemon promises."""
        began, tries = time.monotonic(), 0
        while True:
            assert daemon.running, f"linnetd ended with {daemon.process.returncode}:\n{daemon.words()[-2000:]}"
            tries += 1
            request = f"ready-{daemon.starts}-{tries}-{time.monotonic_ns()}"
            client.send("status", request)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                if client.outcome_of(request):
                    return time.monotonic() - began
                time.sleep(0.005)
            self.assertLess(time.monotonic() - began, seconds * LEEWAY, "linnetd is not ready again in time:\n" + daemon.words()[-2000:])

    def assert_one_outcome(self, client, request):
        """Delivered at least once, the same bytes each time."""
        payloads = client.payloads[request]
        self.assertGreaterEqual(len(payloads), 1, f"{request} has no outcome; it said {client.said(request)}")
        self.assertEqual(len(set(payloads)), 1, f"{request} has outcomes that differ: {payloads}")


def main():
    unittest.main(verbosity=2)
