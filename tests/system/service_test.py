"""What the configuration promises of a device's work: several answers at once, priorities, quotas, pools, models that come
and go, deadlines, and what Home Assistant and node_exporter are given."""

import json
import re
import shutil
import signal
import sqlite3
import sys
import time

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import world

sys.path.insert(0, str(world.SOURCE / "tests/cli"))
import tiny_model  # noqa: E402

SENTENCE = {"prompt": "can you turn my bedroom lights off"}
TINY = '[models.tiny]\npath = "{folder}/tiny.gguf"\ncontext = {context}\n'


class Listener(world.Client):
    """Keeps every message in the order in which it came, and the states of the model."""

    def __init__(self, port, **options):
        self.order, self.models = [], []
        super().__init__(port, **options)

    def _on_connect(self, client, *rest):
        super()._on_connect(client, *rest)
        client.subscribe([(f"{self.base}/model/current", 1), ("homeassistant/#", 1)])

    def _on_message(self, client, userdata, message):
        tail = message.topic.removeprefix(self.base + "/")
        if message.topic.startswith("homeassistant/"):
            self.states[message.topic] = message.payload
        elif tail == "model/current":
            self.models.append(json.loads(message.payload))
        else:
            super()._on_message(client, userdata, message)
            if tail.startswith("rsp/"):
                self.order.append(json.loads(message.payload))

    def send_expiring(self, request, args, seconds):
        """Without a deadline in the payload: the message's own expiry is the deadline."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = seconds
        self.client.publish(f"{self.base}/req/{self.who}/infer", json.dumps({"id": request, "args": args}), qos=1,
                            properties=properties)


class Service(world.World):
    def device(self, more="", context=60000, **options):
        """The pilot and a tiny model that never ends its answer to "hello" by itself; `more` comes over the configuration."""
        self.port = getattr(self, "port", None) or self.broker().port
        self.listener = self.listen()
        self.device_ = self.daemon(self.port, start=False, more=TINY.format(folder=self.folder, context=context), **options)
        (self.device_.folder / "tiny.gguf").write_bytes(tiny_model.model_bytes(context=60000, seed=3))
        self.configure(more)
        self.device_.start({"XDG_CACHE_HOME": self.folder + "/cache"})
        self.wait_ready(self.device_, self.listener)

    def listen(self, **options):
        listener = Listener(self.port, **options)
        self.addCleanup(listener.close)
        return listener.ready()

    def configure(self, more):
        """A file of additions replaces the one before."""
        additions = self.device_.folder / "conf.d"
        additions.mkdir(exist_ok=True)
        base = '[engine]\ndefault_model = "pilot"\n'
        (additions / "test.toml").write_text(more if "default_model" in more else base + more.replace("[engine]\n", ""))

    def long(self, request, tokens):
        self.listener.send("infer", request, {"prompt": "hello", "model": "tiny", "max_tokens": tokens})

    def occupy(self):
        """The engine works until release()."""
        self.long("running", 50000)
        self.first_chunk("running")

    def release(self):
        self.listener.ask("cancel", "enough", {"id": "running"})
        self.assertEqual(self.end_of("running")["status"], "cancelled")

    def first_chunk(self, request):
        world.wait_until(lambda: any("seq" in said for said in self.listener.said(request)), 30, f"{request} has begun")

    def end_of(self, request, seconds=60):
        return world.wait_until(lambda: self.listener.outcome_of(request), seconds, f"{request} has an outcome")

    def figures(self, name):
        return self.listener.ask("status", name)["result"]["figures"]

    def test_answers_advance_together_and_say_what_each_says_alone(self):
        self.device("[engine]\nat_once = 3\n", context=1000)
        alone = self.listener.ask("infer", "alone", {"prompt": "hello", "model": "tiny", "max_tokens": 900})
        for number in range(3):
            self.long(f"t{number}", 900)
        ends = [self.end_of(f"t{number}") for number in range(3)]
        said = [(body["id"], "seq" in body) for body in self.listener.order]
        first_end = min(said.index((f"t{number}", False), said.index((f"t{number}", True))) for number in range(3))
        for number in range(3):
            self.assertLess(said.index((f"t{number}", True)), first_end, "each had begun before the first ended")
            self.assertEqual(ends[number]["text"], alone["text"])

    def test_a_request_joins_while_another_is_answered(self):
        self.device("[engine]\nat_once = 2\n")
        self.occupy()
        for number in range(3):
            brief = self.listener.ask("infer", f"brief{number}", {"prompt": "hello", "model": "tiny", "max_tokens": 5})
            self.assertEqual((brief["status"], brief["tokens"]), ("done", 5))
        self.assertIsNone(self.listener.outcome_of("running"))
        self.listener.send("gpio", "waits", {"line": "LAMP", "active": True})
        self.listener.send("infer", "behind", SENTENCE)
        world.wait_until(lambda: self.listener.accepted("behind"), 30, "both wait")
        time.sleep(0.3)
        self.assertIsNone(self.listener.outcome_of("waits"), "an action is alone, in its turn")
        self.assertIsNone(self.listener.outcome_of("behind"), "and nothing passes it")
        self.release()
        self.assertEqual([self.end_of(request)["status"] for request in ("waits", "behind")], ["done", "done"])

    def test_edges_of_a_line_are_told_with_their_times(self):
        self.port = self.broker().port
        client = self.client(self.port)
        device = self.daemon(self.port, start=False, more='[lines.BUTTON]\ndirection = "input"\nedges = "both"\nremote = true\n')
        edges = [(1000, "true"), (1040, "false"), (2500, "true")]
        with open(device.folder / "board.toml", "a") as board:
            board.write('[[line]]\nname = "BUTTON"\n' + "".join(f'[[edge]]\nline = "BUTTON"\nat_ms = {at}\nactive = {active}\n' for at, active in edges))
        device.start()
        self.wait_ready(device, client)
        told = lambda: [event for tail, event in client.events if tail == "event/gpio"]
        world.wait_until(lambda: len(told()) >= 3, 30, "three edges")
        self.assertEqual([(event["line"], event["active"]) for event in told()], [("BUTTON", True), ("BUTTON", False), ("BUTTON", True)])
        self.assertEqual([(event["at_ns"] - told()[0]["at_ns"]) // 1000000 for event in told()], [0, 40, 1500])
        self.assertIs(client.ask("gpio", "read", {"line": "BUTTON"})["result"], True)
        time.sleep(0.5)
        self.assertEqual(len(told()), 3)

    def test_a_model_that_nobody_uses_gives_its_memory_back_and_comes_again(self):
        self.device("[models.pilot]\nidle_unload_s = 4\n")
        self.assertEqual(self.listener.ask("infer", "r1", SENTENCE)["status"], "done")
        time.sleep(1.3)  # The period of the figures is 1 s.
        loaded = self.figures("f1")["memory_anonymous_bytes"]
        world.wait_until(lambda: self.listener.models[-1]["state"] == "released", 30, "it is released")
        time.sleep(1.3)
        released = self.figures("f2")["memory_anonymous_bytes"]
        print(f"anonymous memory: {loaded / 2**20:.1f} MiB with the pilot loaded, {released / 2**20:.1f} MiB released")
        self.assertLess(released, loaded - 2 * 2**20)
        self.assertEqual(self.listener.ask("infer", "r2", SENTENCE)["status"], "done", "it is loaded again on demand")
        self.assertEqual((self.listener.models[-1]["name"], self.listener.models[-1]["state"]), ("pilot", "ready"))

    def test_models_are_loaded_swapped_and_unloaded(self):
        self.device("")
        loaded = lambda name: [model["name"] for model in self.listener.ask("models", name)["result"] if model["loaded"]]
        self.assertEqual(loaded("m1"), ["pilot"])
        self.assertEqual(self.listener.ask("load", "l1", {"model": "tiny"})["result"], True)
        self.assertEqual(loaded("m2"), ["tiny"])
        self.assertEqual(self.listener.ask("swap", "s1", {"model": "pilot"})["result"], True)
        self.assertEqual(loaded("m3"), ["pilot"])
        states = [(state["name"], state["state"]) for state in self.listener.models]
        self.assertEqual(states[-4:], [("tiny", "loading"), ("tiny", "ready"), ("pilot", "loading"), ("pilot", "ready")],
                         "ready before the other goes: nothing is released between")
        self.assertEqual(self.listener.ask("unload", "u1", {"model": "tiny"})["reason"], "absent")
        self.assertEqual(self.listener.ask("unload", "u2", {"model": "pilot"})["result"], True)
        self.assertEqual(loaded("m4"), [])
        self.assertEqual(self.listener.ask("load", "l2", {"model": "nobody"})["reason"], "absent")
        shutil.move(self.folder + "/tiny.gguf", self.folder + "/away.gguf")
        self.assertEqual(self.listener.ask("load", "l4", {"model": "tiny"})["reason"], "absent")
        viewer = self.listen(who="viewer")
        self.assertEqual(viewer.ask("load", "l5", {"model": "pilot"})["rc"], 0x87)
        self.assertEqual(self.listener.ask("infer", "i1", SENTENCE)["status"], "done")

    def test_higher_priorities_go_first(self):
        self.device("")
        self.occupy()
        for priority in ("low", "normal", "high"):
            self.listener.send("infer", priority, SENTENCE, prio=priority)
        world.wait_until(lambda: self.listener.accepted("high"), 30, "all wait")
        self.release()
        for request in ("low", "normal", "high"):
            self.assertEqual(self.end_of(request)["status"], "done")
        ends = [body["id"] for body in self.listener.order if body.get("status") == "done"]
        self.assertEqual([end for end in ends if end in ("low", "normal", "high")], ["high", "normal", "low"])

    def test_a_clients_quota_is_its_own(self):
        self.device('[queue]\nwaiting_per_client = 2\n[roles]\nother = "requester"\n')
        other = self.listen(who="other")
        self.occupy()
        for number in range(3):
            self.listener.send("infer", f"q{number}", SENTENCE)
        refused = self.end_of("q2")
        self.assertEqual((refused["status"], refused["rc"]), ("rejected", 0x97))
        self.assertGreater(refused["retry_after_ms"], 0)
        other.send("infer", "mine", SENTENCE)
        world.wait_until(lambda: other.accepted("mine"), 30, "another client has its own quota")
        self.release()
        self.assertEqual(self.end_of("q1")["status"], "done")
        world.wait_until(lambda: other.outcome_of("mine"), 30, "the other client's answer")
        self.assertEqual(other.outcome_of("mine")["status"], "done")

    def test_a_clients_rate_is_held(self):
        self.device("[queue]\nrequests_per_second = 0.5\nburst = 3\n")
        for number in range(4):
            self.listener.send("infer", f"b{number}", SENTENCE)
        refused = self.end_of("b3")
        self.assertEqual((refused["status"], refused["rc"]), ("rejected", 0x97))
        self.assertTrue(0 < refused["retry_after_ms"] <= 2000, refused)
        time.sleep(refused["retry_after_ms"] / 1000 + 0.1)
        self.listener.forget("b3")
        self.assertEqual(self.listener.ask("infer", "b3", SENTENCE)["status"], "done", "a rejected id may be asked again")

    def test_over_high_water_it_leaves_the_pool_and_says_when_to_come_back(self):
        self.device("[queue]\nwaiting = 8\n", mqtt='pool = "helpers"\npool_models = ["small"]\n[models.small]\n'
                    f'path = "{world.PILOT}"\n[mqtt]\n'.replace("[mqtt]\n", ""))
        ask = lambda request: self.listener.client.publish(
            "linnet/1/lab/pool/small/tester/infer", json.dumps({"id": request, "args": {"prompt": "play the radio"}}), qos=1)
        ask("p0")
        self.assertEqual(self.end_of("p0")["status"], "done")
        self.occupy()
        for number in range(1, 13):
            ask(f"p{number}")
        world.wait_until(lambda: "left the pool" in self.device_.words(), 30, "it leaves the pool")
        rejections = lambda: [said for said in list(self.listener.order) if said.get("status") == "rejected"]
        refused = world.wait_until(rejections, 20, "one that slips in is told that the device is busy")
        for said in refused:
            self.assertEqual(said["rc"], 0x89)
            self.assertGreater(said["retry_after_ms"], 0)
        time.sleep(1)  # Whatever else was on its way.
        refused = rejections()
        self.release()
        world.wait_until(lambda: "back in the pool" in self.device_.words(), 60, "it comes back")
        for said in refused:
            self.listener.forget(said["id"])
            ask(said["id"])
            self.assertEqual(self.end_of(said["id"])["status"], "done")

    def test_the_messages_expiry_is_the_deadline(self):
        self.device("")
        self.occupy()
        self.listener.send_expiring("late", SENTENCE, 1)
        end = self.end_of("late")
        self.assertEqual((end["status"], end["reason"]), ("expired", "deadline"))
        self.assertFalse(any("seq" in said for said in self.listener.said("late")), "expired work is never started")

    def test_work_of_an_earlier_boot_without_a_clock_is_expired(self):
        self.device("")
        self.occupy()
        for request in ("dated", "undated"):
            more = {"deadline_ms": 600000} if request == "dated" else {}
            self.listener.send("infer", request, SENTENCE, durable=True, **more)
            world.wait_until(lambda: self.listener.accepted(request), 10, "it is accepted")
        self.device_.kill()
        # As a board without a clock would have left it: the deadline is in the time of that boot alone.
        with sqlite3.connect(self.device_.state / "journal.db") as journal:
            journal.execute("UPDATE requests SET boot_id = 'another', deadline_wall = NULL")
        journal.close()
        self.device_.start()
        end = self.end_of("dated")
        self.assertEqual((end["status"], end["reason"]), ("expired", "deadline"))
        self.assertEqual(self.end_of("undated")["status"], "done", "what has no deadline is resumed")
        self.assertEqual(self.end_of("running")["reason"], "restart")

    def test_home_assistant_finds_what_the_device_really_sends(self):
        self.device("[telemetry]\nhome_assistant = true\n")
        topic = "homeassistant/device/linnet_lab_dut/config"
        found = json.loads(world.wait_until(lambda: self.listener.states.get(topic), 20, "discovery"))
        self.assertEqual(found["avty"], [{"t": "linnet/1/lab/dut/avail"}])
        self.assertEqual(self.listener.states["avail"], b"online")
        self.listener.ask("infer", "r1", SENTENCE)
        names = {component["unique_id"] for component in found["cmps"].values()}
        self.assertEqual(len(names), len(found["cmps"]))
        health = lambda: json.loads(self.listener.states["health"])["figures"]
        for component in found["cmps"].values():
            self.assertEqual(component["stat_t"], "linnet/1/lab/dut/health")
            figure = re.search(r"value_json\.figures\.(\w+)", component["val_tpl"]).group(1)
            if figure != "power_w":  # This board has no such rail.
                world.wait_until(lambda: figure in health() or self.listener.ask("infer", str(time.monotonic_ns()), SENTENCE) is None,
                                 30, f"health has {figure}")
        self.configure("[telemetry]\nhome_assistant = false\n")
        self.device_.process.send_signal(signal.SIGHUP)
        world.wait_until(lambda: self.listener.states[topic] == b"", 20, "the device is removed again")

    def test_the_metrics_file_is_prometheus_text_of_what_happened(self):
        path = self.folder + "/linnet.prom"
        self.device(f'[telemetry]\nmetrics_file = "{path}"\n')
        for number in range(3):
            self.listener.ask("infer", f"r{number}", SENTENCE)
        self.listener.ask("infer", "r9", {"prompt": "x", "model": "nobody"})
        samples = world.wait_until(lambda: self.samples(path, 3), 20, "the file tells of the three")
        kinds = {kind: samples[f'linnet_requests_total{{node="dut",kind="{kind}"}}'] for kind in ("accepted", "done", "rejected", "failed")}
        self.assertEqual(kinds, {"accepted": 3, "done": 3, "rejected": 1, "failed": 0})
        buckets = [value for name, value in samples.items() if name.startswith("linnet_first_token_seconds_bucket")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], 3)
        self.assertEqual(samples['linnet_first_token_seconds_count{node="dut"}'], 3)

    def samples(self, path, done):
        """The file's samples in their order, where it tells of `done` requests; faults of its form end the test."""
        try:
            with open(path) as file:
                text = file.read()
        except FileNotFoundError:
            return None
        self.assertTrue(text.endswith("\n"))
        typed, samples = set(), {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.assertIn(kind, ("counter", "gauge", "histogram"))
                typed.add(name)
                continue
            name, labels, value = re.fullmatch(r"([a-z_]+)(\{[^}]*\}) (\S+)", line).groups()
            self.assertIn(re.sub("_(bucket|sum|count)$", "", name) if name not in typed else name, typed)
            samples[name + labels] = float(value)
        return samples if samples['linnet_requests_total{node="dut",kind="done"}'] == done else None


if __name__ == "__main__":
    world.main()
