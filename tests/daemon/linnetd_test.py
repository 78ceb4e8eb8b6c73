#!/usr/bin/python3
"""The real linnetd on a real mosquitto: what docs/mqtt.md promises, with every message held against docs/schemas."""

import collections
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

try:
    import jsonschema
    import paho.mqtt.client as paho
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
LINNETD = os.environ["LINNETD_BIN"]
EMULATOR = os.environ.get("LINNET_EMULATOR", "").split()
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
PATIENCE = 120  # Seconds; generous, because sanitizers, emulators and loaded machines are slow.

sys.path.insert(0, str(SOURCE / "tests/cli"))
import npy_rows  # noqa: E402
import tiny_model  # noqa: E402

SCHEMAS = {path.stem: jsonschema.Draft202012Validator(json.loads(path.read_text()))
           for path in (SOURCE / "docs/schemas").glob("*.json")}
TOPICS = {"birth": "birth", "health": "health", "model/current": "model", "metrics/all": "metrics",
          "event/action": "event-action", "event/alarm": "event-alarm", "event/audit": "event-audit", "event/gpio": "event-gpio"}
REQUESTS = {"infer": "infer", "embed": "embed", "cancel": "cancel", "replay": "replay", "gpio": "gpio", "load": "model-command",
            "unload": "model-command", "swap": "model-command", "status": "inspection", "models": "inspection", "audit": "audit",
            "rebirth": "inspection"}

CONFIGURATION = """
state_directory = "{folder}/state"
board = "sim:{folder}/board.toml"
[device]
group = "home"
node = "n1"
[mqtt]
host = "127.0.0.1"
port = {port}
[telemetry]
period_s = 1
metrics_file = "{folder}/linnet.prom"
tariff_per_kwh = 0.3
home_assistant = true
canaries = ["turn on the lights"]
canary_period_s = 1
[models.pilot]
path = "{source}/models/pilot/pilot-int4.gguf"
load_at_start = true
[models.tiny]
path = "{folder}/tiny.gguf"
context = 60000
[models.thinker]
path = "{folder}/thinker.gguf"
[models.sentences]
path = "{source}/tests/data/models/bert-mean-f32.gguf"
[engine]
default_model = "pilot"
[lines.BEDROOM_LIGHT]
remote = true
[lines.BUTTON]
direction = "input"
edges = "both"
[[rules]]
name = "bedroom-off"
when = {{ intent = "iot_hue_lightoff" }}
line = "BEDROOM_LIGHT"
active = false
[roles]
ada = "root"
eve = "viewer"
"""
BOARD = """
name = "Bench board"
[facts]
cores = 2
memory = "4G"
rails = [{ name = "VDD_IN", whole_module = true }]
[[line]]
name = "BEDROOM_LIGHT"
[[line]]
name = "BUTTON"
[[edge]]
line = "BUTTON"
at_ms = 1500
[[vitals]]
at_ms = 0
memory_available = "3G"
rails = { VDD_IN = 5200 }
"""


def schema_of(message):
    """Which schema a message about a request has to follow."""
    if message.get("status") in ("accepted", "rejected"):
        return message["status"]
    if "seq" in message:
        return "chunk"
    if "text" in message:
        return "generation"
    return "result" if "result" in message else "ended"


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"after {PATIENCE} s still not: {what}")


class Client:
    """Keeps every message of the device, by request and by topic; notes what breaks a schema."""

    def __init__(self, port, who="ada"):
        self.who, self.base = who, "linnet/1/home/n1/"
        self.about, self.bytes = collections.defaultdict(list), collections.defaultdict(list)
        self.topics, self.faults, self.ready = {}, [], threading.Event()
        self.client = paho.Client(f"test-{who}", protocol=paho.MQTTv5)
        self.client.on_message = self.on_message
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([(self.base + "#", 1), ("homeassistant/#", 1)])
        self.client.loop_start()
        assert self.ready.wait(PATIENCE)

    def on_message(self, _client, _userdata, message):
        tail = message.topic.removeprefix(self.base)
        if tail.startswith("req/"):
            return
        self.topics[tail] = message.payload
        if tail == "avail":
            return
        body = json.loads(message.payload or "null")
        name = schema_of(body) if tail.startswith("rsp/") else TOPICS.get(tail)
        if name:
            self.faults += [f"{tail}: {error.message}" for error in SCHEMAS[name].iter_errors(body)]
        if tail.startswith("rsp/"):
            self.about[body["id"]].append(body)
            self.bytes[body["id"]].append(message.payload)

    def send(self, operation, name, arguments=None, **head):
        request = {"id": name, **({"args": arguments} if arguments is not None else {}), **head}
        SCHEMAS[REQUESTS[operation]].validate(request)
        self.client.publish(f"{self.base}req/{self.who}/{operation}", json.dumps(request), qos=1)

    def ask(self, operation, name, arguments=None, **head):
        """Sends and waits for what ends the request."""
        self.send(operation, name, arguments, **head)
        return wait_for(lambda: self.end_of(name), f"the end of {name}")

    def end_of(self, name):
        last = self.about[name][-1] if self.about[name] else {}
        return last if last.get("status", "accepted") != "accepted" else None

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()


class LinnetdTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="linnetd-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.assert_no_race)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "board.toml").write_text(BOARD)
        # With this seed the greedy answer to "hello" never ends by itself.
        (self.folder / "tiny.gguf").write_bytes(tiny_model.model_bytes(context=60000, seed=3))
        # Its prompt ends inside the reasoning, as that of DeepSeek-R1's distilled models.
        thinking = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}{% endfor %}[assistant]<think>"
        (self.folder / "thinker.gguf").write_bytes(tiny_model.model_bytes(template=thinking, context=2048))
        (self.folder / "mosquitto.conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start_program([MOSQUITTO, "-c", self.folder / "mosquitto.conf"], "mosquitto.log")
        wait_for(self.broker_answers, "mosquitto takes connections")
        self.configure()

    def assert_no_race(self):
        """What ThreadSanitizer wrote, in its tree: most daemons here are killed, so no exit code tells."""
        self.assertEqual([path.read_text() for path in self.folder.glob("race.*")], [])

    def start_program(self, command, log):
        with open(self.folder / log, "ab") as file:
            environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "ASAN_OPTIONS": "handle_sigbus=0",
                           "TSAN_OPTIONS": f"log_path={self.folder}/race"}
            process = subprocess.Popen([str(word) for word in command], stdout=file, stderr=file, env=environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def broker_answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def configure(self, *changes):
        text = CONFIGURATION.format(folder=self.folder, port=self.port, source=SOURCE)
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        (self.folder / "linnetd.toml").write_text(text)

    def start(self, who="ada"):
        self.daemon = self.start_program([*EMULATOR, LINNETD, "-c", self.folder / "linnetd.toml"], "linnetd.log")
        client = Client(self.port, who)
        self.addCleanup(client.close)
        try:
            wait_for(lambda: client.topics.get("avail") == b"online" and "health" in client.topics, "the device is there")
        except AssertionError:
            print((self.folder / "linnetd.log").read_text())
            raise
        return client

    def log_has(self, text):
        return text in (self.folder / "linnetd.log").read_text()

    def test_a_sentence_drives_a_line_once_and_every_message_follows_its_schema(self):
        client = self.start()
        end = client.ask("infer", "r1", {"prompt": "turn off the lights in the bedroom"})
        self.assertEqual(end["status"], "done")
        self.assertEqual(json.loads(end["text"])["intent"], "iot_hue_lightoff")
        self.assertEqual(end["actions"], [{"rule": "bedroom-off", "target": "line BEDROOM_LIGHT", "done": True}])
        self.assertGreater(end["energy_j"], 0)
        self.assertEqual(end["energy_source"], "measured")
        self.assertAlmostEqual(end["cost"], end["energy_j"] / 3.6e6 * 0.3, places=9)
        chunks = [message for message in client.about["r1"] if "seq" in message]
        self.assertEqual("".join(chunk["text"] for chunk in chunks), end["text"])
        client.send("infer", "r1", {"prompt": "turn off the lights in the bedroom"})
        wait_for(lambda: len(client.bytes["r1"]) > len(chunks) + 2, "the duplicate's answer")
        self.assertEqual(client.bytes["r1"][-1], client.bytes["r1"][-2])
        self.assertEqual(client.ask("gpio", "g1", {"line": "BEDROOM_LIGHT", "active": True})["result"], True)
        self.assertEqual(client.ask("gpio", "g2", {"line": "BEDROOM_LIGHT"})["result"], True)
        self.assertEqual(client.ask("gpio", "g3", {"line": "NONE", "active": True})["reason"], "absent")
        self.assertEqual(client.ask("cancel", "c1", {"id": "nobody"})["result"], "unknown")
        self.assertEqual(client.ask("models", "m1")["result"][0]["name"], "pilot")
        status = client.ask("status", "s1")["result"]
        SCHEMAS["health"].validate(status)
        self.assertEqual([(request["id"], request["op"], request["status"]) for request in status["recent"]],
                         [("g3", "gpio", "failed"), ("g1", "gpio", "done"), ("r1", "infer", "done")])
        self.assertEqual(status["recent"][2]["tokens"], end["tokens"])
        for record in client.ask("audit", "a1", {"last": 10})["result"]:
            SCHEMAS["event-audit"].validate(record)
        self.assertEqual([(record["id"], record["result"]) for record in client.about["a1"][-1]["result"]],
                         [("g1", "done"), ("g3", "failed: no line 'NONE' is configured")])
        self.assertEqual(client.ask("infer", "r2", {"prompt": "x", "model": "none"})["rc"], 0x99)
        late = client.ask("infer", "r3", {"prompt": "hello", "model": "tiny", "max_tokens": 50000}, deadline_ms=2000)
        self.assertEqual((late["status"], late.get("finish", "deadline")), ("expired", "deadline"))
        self.assertIn("homeassistant/device/linnet_home_n1/config", client.topics)
        wait_for(lambda: "event/gpio" in client.topics, "the edge")
        wait_for(lambda: "inconsistency" in json.loads(client.topics["health"])["figures"], "the canary's figure")
        self.assertIn('linnet_requests_total{node="n1",kind="done"}', (self.folder / "linnet.prom").read_text())
        self.assertEqual(client.faults, [])

    def test_a_stranger_is_refused_until_the_roles_are_reloaded(self):
        client = self.start("eve")
        client.send("infer", "r0", {"prompt": "hello"})
        self.assertEqual(wait_for(lambda: client.end_of("r0"), "the refusal")["rc"], 0x87)
        wait_for(lambda: "event/audit" in client.topics, "the audit")
        operator = Client(self.port)
        self.addCleanup(operator.close)
        records = operator.ask("audit", "a1")["result"]
        self.assertEqual([(record["who"], record["id"]) for record in records], [("eve", "r0")])
        self.configure(('eve = "viewer"', 'eve = "emperor"'))
        self.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log_has("not reloaded"), "the fault in the log")
        self.configure(('eve = "viewer"', 'eve = "requester"'))
        self.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log_has("reloaded roles"), "the reload")
        self.assertEqual(client.ask("infer", "r1", {"prompt": "hello"})["status"], "done")
        self.assertEqual(client.faults, [])

    def test_thoughts_are_told_apart_and_a_schema_holds_the_answer(self):
        client = self.start()
        ask = {"prompt": "hi", "model": "thinker", "max_tokens": 40, "temperature": 0, "max_reasoning_tokens": 4}
        shown = client.ask("infer", "r1", ask)
        self.assertEqual(shown["status"], "done")
        self.assertTrue(shown["reasoning"] and shown["text"])
        self.assertNotIn("</think>", shown["reasoning"] + shown["text"])
        chunks = [message for message in client.about["r1"] if "seq" in message]
        self.assertEqual("".join(chunk.get("reasoning", "") for chunk in chunks), shown["reasoning"])
        self.assertEqual("".join(chunk["text"] for chunk in chunks), shown["text"])
        hidden = client.ask("infer", "r2", {**ask, "reasoning": "hide"})
        self.assertEqual(hidden["text"], shown["text"])
        self.assertFalse(any("reasoning" in message for message in client.about["r2"]))
        off = client.ask("infer", "r3", {**ask, "reasoning": "off"})
        self.assertNotIn("reasoning", off)
        schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
        formed = client.ask("infer", "r4", {**ask, "schema": schema})
        self.assertIn(json.loads(formed["text"]), ({"on": True}, {"on": False}))
        self.assertTrue(formed["reasoning"])
        formed = client.ask("infer", "r5", {"prompt": "x", "model": "pilot", "schema": {"enum": ["yes", "no", 7]}})
        self.assertIn(json.loads(formed["text"]), ("yes", "no", 7), "a schema goes before the model's own form")
        refused = client.ask("infer", "r6", {**ask, "schema": {"properties": {"a": {"multipleOf": 3}}}})
        self.assertEqual(refused["rc"], 0x99)
        self.assertIn("multipleOf", refused["reason"])
        self.assertEqual(client.faults, [])

    def test_an_encoder_embeds_texts(self):
        client = self.start()
        texts = (SOURCE / "tests/data/models/sentences.txt").read_text().splitlines()[:3]
        end = client.ask("embed", "e1", {"texts": texts, "model": "sentences"})
        self.assertEqual(end["status"], "done")
        printed = npy_rows.read_rows(SOURCE / "tests/data/models/bert-mean-f32.embeddings.npy")
        self.assertEqual((end["result"]["model"], end["result"]["dimensions"]), ("sentences", len(printed[0])))
        for row, expected in zip(end["result"]["embeddings"], printed, strict=False):
            self.assertLess(max(abs(a - b) for a, b in zip(row, expected, strict=True)), 1e-3)
        again = client.ask("embed", "e2", {"texts": texts[1:2]})
        self.assertEqual(again["result"]["embeddings"], end["result"]["embeddings"][1:2], "the loaded model, the same bits")
        refused = client.ask("embed", "e3", {"texts": texts, "model": "pilot"})
        self.assertEqual((refused["status"], refused["reason"]), ("failed", "unsupported"))
        self.assertIn("not embeddings", refused["detail"])
        refused = client.ask("infer", "r1", {"prompt": "hello", "model": "sentences"})
        self.assertIn("encoder", refused["detail"])
        long = client.ask("embed", "e4", {"texts": ["time " * 400], "model": "sentences"})
        self.assertEqual((long["status"], long["reason"]), ("failed", "does_not_fit"))
        self.assertEqual(client.ask("embed", "e5", {"texts": ["a"], "model": "none"})["rc"], 0x99)
        self.assertEqual(client.faults, [])

    def test_a_model_cut_while_it_generates_fails_its_request_and_not_the_daemon(self):
        client = self.start()
        client.send("infer", "r1", {"prompt": "hello", "model": "tiny", "max_tokens": 50000})
        wait_for(lambda: any("seq" in message for message in client.about["r1"]), "the first chunk")
        whole = (self.folder / "tiny.gguf").read_bytes()
        os.truncate(self.folder / "tiny.gguf", 8192)
        self.assertEqual(wait_for(lambda: client.end_of("r1"), "the end")["reason"], "io")
        cut = client.ask("infer", "r2", {"prompt": "hello", "model": "tiny"})
        self.assertEqual((cut["status"], cut["reason"]), ("failed", "io"))
        (self.folder / "tiny.gguf").write_bytes(whole)
        again = client.ask("infer", "r3", {"prompt": "hello", "model": "tiny", "max_tokens": 4})
        self.assertEqual((again["status"], again["tokens"]), ("done", 4))
        self.assertEqual(client.faults, [])

    def test_a_device_that_is_too_hot_takes_no_new_work_and_says_so(self):
        hot = BOARD.replace('rails = [', 'zones = [{ name = "cpu-thermal", passive = 80000 }]\nrails = [')
        hot = hot.replace("at_ms = 0\n", "at_ms = 0\ntemperatures = { cpu-thermal = 84000 }\n")
        (self.folder / "board.toml").write_text(hot)
        client = self.start()
        wait_for(lambda: json.loads(client.topics["health"])["figures"].get("work_share") == 0.05, "the governor's pace")
        refused = client.ask("infer", "r1", {"prompt": "hello"})
        self.assertEqual((refused["rc"], refused["reason"]), (0x89, "the device is too hot"))
        self.assertGreater(refused["retry_after_ms"], 0)
        self.assertEqual(client.ask("gpio", "g1", {"line": "BEDROOM_LIGHT", "active": True})["result"], True)
        self.assertEqual(client.faults, [])

    def test_without_a_state_directory_it_says_what_it_cannot_promise(self):
        self.configure((f'"{self.folder}/state"', '"/proc/linnet-cannot-be"'))
        client = self.start()
        self.assertEqual(json.loads(client.topics["birth"])["journal"], "memory")
        self.assertEqual(client.ask("infer", "r1", {"prompt": "hello"}, durable=True)["rc"], 0x83)
        self.assertEqual(client.ask("infer", "r2", {"prompt": "hello"})["status"], "done")
        self.assertEqual(client.faults, [])

    def test_it_ends_in_order_and_a_second_one_is_refused(self):
        self.configure(('[device]', 'stop_time_ms = 100\n[device]'))
        client = self.start()
        second = subprocess.run([*EMULATOR, LINNETD, "-c", self.folder / "linnetd.toml"], capture_output=True, text=True)
        self.assertIn("another linnetd", second.stderr)
        client.send("infer", "r1", {"prompt": "hello", "model": "tiny", "max_tokens": 50000})
        wait_for(lambda: any("seq" in message for message in client.about["r1"]), "the first chunk")
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(PATIENCE), 0)
        self.assertEqual(wait_for(lambda: client.end_of("r1"), "the end")["reason"], "stopping")
        self.assertEqual(wait_for(lambda: client.topics["avail"] == b"offline" and client.topics["avail"], "gone"), b"offline")

    def test_check_names_each_fault(self):
        self.configure(("remote = true", "remote = 1"), ('ada = "root"', 'ada = "king"'))
        checked = subprocess.run([*EMULATOR, LINNETD, "-c", self.folder / "linnetd.toml", "--check"], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 2)
        self.assertEqual(checked.stderr.count("linnetd.toml:"), 2, checked.stderr)


if __name__ == "__main__":
    if MOSQUITTO is None:
        print("skipped: mosquitto is not installed")
        sys.exit(77)
    unittest.main()
