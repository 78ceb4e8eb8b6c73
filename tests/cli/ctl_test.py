"""`linnet ctl` over a real mosquitto, against a scripted device that loses, repeats, refuses and lies."""

import hashlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import support

try:
    import paho.mqtt.client as paho
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
except ImportError:
    paho = None

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Device:
    """Answers commands as its test says: `script(device, operation, request, reply)`."""

    def __init__(self, port, script, node="dut", epoch=1):
        self.base, self.script = f"linnet/1/lab/{node}", script
        self.requests = []  # (operation, request) in the order in which they came.
        will = Properties(PacketTypes.WILLMESSAGE)
        will.UserProperty = ("epoch", str(epoch))
        self.client = paho.Client(f"device-{node}", protocol=paho.MQTTv5)
        self.client.will_set(f"{self.base}/avail", "offline", qos=1, retain=True, properties=will)
        self.client.on_message = self._on_message
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.publish(f"{self.base}/birth", json.dumps({"epoch": epoch, "software": "fake 1"}), qos=1, retain=True)
        self.client.publish(f"{self.base}/avail", "online", qos=1, retain=True)
        self.client.subscribe([(f"{self.base}/req/+/+", 1), ("$share/p/linnet/1/lab/pool/+/+/infer", 1)])
        assert ready.wait(10)

    def _on_message(self, _client, _userdata, message):
        levels = message.topic.split("/")
        request = json.loads(message.payload)
        who, operation = levels[-2], levels[-1]
        topic = getattr(message.properties, "ResponseTopic", f"{self.base}/rsp/{who}/{request['id']}")
        properties = Properties(PacketTypes.PUBLISH)
        if hasattr(message.properties, "CorrelationData"):
            properties.CorrelationData = message.properties.CorrelationData
        self.requests.append((operation, request))

        def reply(said, request_id=request["id"]):
            self.client.publish(topic, json.dumps({"id": request_id, **said}), qos=1, properties=properties)

        self.script(self, operation, request, reply)

    def die(self):
        """Without a word: the broker publishes the will."""
        self.client.loop_stop()
        self.client._sock.shutdown(socket.SHUT_RDWR)


def done(text, chunks=0, **more):
    return {"status": "done", "text": text, "finish": "stop", "n_chunks": chunks,
            "sha256": hashlib.sha256(text.encode()).hexdigest(), **more}


@unittest.skipUnless(paho and MOSQUITTO, "python3-paho-mqtt or mosquitto is not installed")
class Ctl(support.CommandTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        configuration = self.path("mosquitto.conf", f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start_broker(configuration)
        self.environment.update(LINNET_CTL_HOST="127.0.0.1", LINNET_CTL_PORT=str(self.port), LINNET_CTL_GROUP="lab",
                                LINNET_CTL_NODE="dut", LINNET_CTL_WHO="panel")

    def start_broker(self, configuration):
        self.broker = subprocess.Popen([MOSQUITTO, "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.broker.wait)
        self.addCleanup(self.broker.kill)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        self.fail("mosquitto does not start")

    def device(self, script, **options):
        device = Device(self.port, script, **options)
        self.addCleanup(device.client.loop_stop)
        return device

    def ctl(self, *arguments, code=0):
        run = self.linnet("ctl", *arguments)
        self.assertEqual(run.returncode, code, (run.stdout, run.stderr))
        return run.stdout.decode(), run.stderr.decode()

    def test_an_answer_is_streamed(self):
        def script(_device, _operation, request, reply):
            self.assertEqual(request["args"], {"prompt": "hello", "max_tokens": 5, "temperature": 0})
            reply({"status": "accepted", "queue_pos": 0, "est_ms": 1})
            for sequence, text in enumerate(["one ", "two ", "three"]):
                reply({"seq": sequence, "text": text})
            reply(done("one two three", 3))

        self.device(script)
        self.assertEqual(self.ctl("infer", "-p", "hello", "-n", "5", "--temp", "0"), ("one two three", ""))
        said = json.loads(self.ctl("infer", "-p", "hello", "-n", "5", "--temp", "0", "--json")[0])
        self.assertEqual((said["status"], said["text"]), ("done", "one two three"))

    def test_lost_chunks_are_asked_for(self):
        def script(_device, operation, request, reply):
            if operation == "replay":
                self.assertEqual(request["args"]["from_seq"], 1)
                target = request["args"]["id"]
                for sequence in (1, 2):
                    reply({"seq": sequence, "text": f"<{sequence}>"}, target)
                return reply(done("<0><1><2>", 3), target)
            reply({"status": "accepted"})
            reply({"seq": 0, "text": "<0>"})
            return reply({"seq": 2, "text": "<2>"})

        device = self.device(script)
        self.assertEqual(self.ctl("infer", "-p", "x")[0], "<0><1><2>")
        self.assertEqual([operation for operation, _ in device.requests], ["infer", "replay"])

    def test_an_answer_with_another_hash_is_not_taken(self):
        self.device(lambda _d, _o, _r, reply: reply({**done("what was said"), "text": "what was not"}))
        _, words = self.ctl("infer", "-p", "x", code=5)
        self.assertIn("hash", words)

    def test_what_nobody_accepted_is_sent_again_under_its_id(self):
        def script(device, _operation, _request, reply):
            if len(device.requests) > 2:
                reply({"status": "accepted"})
                reply(done("at last"))

        device = self.device(script)
        self.assertEqual(self.ctl("infer", "-p", "x", "--accept-time", "0.2")[0], "at last")
        self.assertEqual(len({request["id"] for _, request in device.requests}), 1)
        self.assertEqual(len(device.requests), 3)

    def test_a_pool_member_that_dies_is_replaced(self):
        def first(device, _operation, _request, reply):
            reply({"status": "accepted"})
            threading.Timer(0.2, device.die).start()

        def second(_device, _operation, _request, reply):
            reply({"status": "accepted"})
            reply(done("from the second"))

        one = self.device(first, node="one")
        run = self.start("ctl", "infer", "--pool", "pilot", "-p", "x")
        deadline = time.monotonic() + 10
        while not one.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        two = self.device(second, node="two")
        out, words = run.communicate(timeout=support.TIMEOUT)
        self.assertEqual((run.returncode, out), (0, b"from the second"), words)
        self.assertEqual(one.requests[0][1]["id"], two.requests[0][1]["id"])

    def test_refusals_have_their_exit_codes(self):
        for code, rc in ((6, 0x87), (6, 0x97), (2, 0x99), (5, 0x83)):
            device = self.device(lambda _d, _o, _r, reply: reply({"status": "rejected", "rc": rc, "reason": "words"}))
            self.assertIn("words", self.ctl("infer", "-p", "x", code=code)[1])
            device.client.disconnect()
            device.client.loop_stop()

    def test_a_denial_that_does_not_name_the_request_is_heard(self):
        def script(_device, _operation, _request, reply):
            reply({"status": "rejected", "rc": 0x87, "reason": "role"}, "")

        self.device(script)
        self.assertIn("role", self.ctl("load", "pilot", code=6)[1])

    def test_interrupting_cancels_the_request(self):
        def script(_device, operation, request, reply):
            if operation == "cancel":
                reply({"status": "done", "result": "cancelling"})
                return reply({"status": "cancelled", "text": "so far", "finish": "cancelled"}, request["args"]["id"])
            reply({"status": "accepted"})
            return reply({"seq": 0, "text": "so"})

        device = self.device(script)
        run = self.start("ctl", "infer", "-p", "x")
        self.assertEqual(run.stdout.read(2), b"so")
        run.send_signal(signal.SIGINT)
        out, words = run.communicate(timeout=20)
        self.assertEqual((run.returncode, words), (130, b""), out)
        self.assertEqual([operation for operation, _ in device.requests], ["infer", "cancel"])
        self.assertEqual(device.requests[1][1]["args"]["id"], device.requests[0][1]["id"])

    def test_the_broker_dies_and_comes_back(self):
        release = threading.Event()

        def script(_device, _operation, _request, reply):
            reply({"status": "accepted"})
            # Whoever is back first: what the device says, or what the requester asks again, meets nobody.
            threading.Timer(1, reply, [done("after all")]).start()
            release.set()

        device = self.device(script)
        device.client.reconnect_delay_set(1, 1)
        device.client.on_connect = lambda client, *_: client.subscribe(f"{device.base}/req/+/+", 1)
        run = self.start("ctl", "infer", "-p", "x", "--accept-time", "0.5")
        self.assertTrue(release.wait(10))
        self.broker.kill()
        self.broker.wait()
        self.start_broker(os.path.join(self.folder, "mosquitto.conf"))
        out, words = run.communicate(timeout=60)
        self.assertEqual((run.returncode, out), (0, b"after all"), words)
        self.assertIn(b"connecting again", words)

    def test_results_are_shown(self):
        results = {
            "status": {"tokens": 5, "queue": 0, "name": "dut\u001b[2J"},
            "models": [{"name": "pilot", "loaded": True}, {"name": "other", "loaded": False}],
            "cancel": "cancelling",
            "load": True,
            "gpio": True,
        }
        self.device(lambda _d, operation, _r, reply: reply({"status": "done", "result": results[operation]}))
        self.assertEqual(self.ctl("status")[0], "name    dut?[2J\nqueue   0\ntokens  5\n")
        self.assertEqual(json.loads(self.ctl("status", "--json")[0]), results["status"])
        self.assertEqual(self.ctl("models")[0], "* pilot\n  other\n")
        self.assertEqual(self.ctl("cancel", "X")[0], "cancelling\n")
        self.assertEqual(self.ctl("load", "pilot")[0], "")
        self.assertEqual(self.ctl("gpio", "LAMP", "on")[0], "LAMP on\n")

    def test_silence_ends_after_the_timeout(self):
        self.device(lambda *_: None)
        began = time.monotonic()
        self.assertRegex(self.ctl("infer", "-p", "x", "--timeout", "0.5", code=5)[1], "has not accepted|never heard of")
        self.assertLess(time.monotonic() - began, 20)

    def test_no_broker_and_no_node_are_told(self):
        self.assertIn("cannot connect", self.ctl("status", "--port", str(free_port()), code=5)[1])
        self.environment.pop("LINNET_CTL_NODE")
        self.assertIn("--node", self.ctl("status", code=2)[1])

    def test_watch_prints_lines_where_there_is_no_terminal(self):
        figures = {"tokens": 5, "queue": 2, "temperature_c": 45.5}
        self.device(lambda _d, _o, _r, reply: reply({"status": "done", "result": figures}))
        lines = self.ctl("watch", "--count", "3", "--period", "0.1")[0].splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertIn("dut online", line)
            self.assertIn("queue 2", line)

    def test_watch_gives_the_terminal_back(self):
        self.device(lambda _d, _o, _r, reply: reply({"status": "done", "result": {"tokens": 5}}))
        master, slave = pty.openpty()
        run = self.start("ctl", "watch", "--period", "0.1", stdout=slave)
        os.close(slave)
        shown = b""
        while b"tokens/s" not in shown:
            shown += os.read(master, 4096)
        run.send_signal(signal.SIGINT)
        try:
            while data := os.read(master, 4096):
                shown += data
        except OSError:
            pass  # The other end is closed.
        self.assertEqual(run.wait(20), 0)
        run.stderr.close()
        os.close(master)
        self.assertTrue(shown.startswith(b"\x1b[?1049h"), shown[:40])
        self.assertTrue(shown.endswith(b"\x1b[?1049l"), shown[-40:])

    def announce(self, device, payload, retain=True):
        device.client.publish(f"{device.base}/health", json.dumps(payload), qos=0, retain=retain)

    def fleet(self):
        """Two devices that tell of themselves and answer nothing."""
        devices = [self.device(lambda *_: None, node=node, epoch=3) for node in ("one", "two")]
        for number, device in enumerate(devices):
            self.announce(device, {"at_ms": 1000, "model": {"name": "pilot", "state": "ready"}, "alarms": [],
                                   "figures": {"queue": number, "tokens_per_second": 2.5, "temperature_c": 45.5, "work_share": 0.5}})
        return devices

    def test_watch_shows_a_fleet(self):
        self.fleet()
        for arguments in (("--fleet",), ("one", "two")):
            lines = self.ctl("watch", *arguments, "--count", "2", "--period", "0.1")[0].splitlines()
            self.assertEqual([line.split()[0] for line in lines], ["one", "two"] * 2)
            self.assertRegex(lines[1], r"^two online  model pilot  queue 1  tokens/s 2\.5  temperature 45\.5 °C  pace 50 %")
        self.environment.pop("LINNET_CTL_NODE")
        shown = [json.loads(line) for line in self.ctl("watch", "--json", "--count", "2", "--period", "0.1")[0].splitlines()]
        self.assertEqual(len(shown), 2)
        self.assertEqual((shown[1]["group"], shown[1]["connected"]), ("lab", True))
        rows = {row["node"]: row for row in shown[1]["devices"]}
        self.assertEqual(set(rows), {"one", "two"})
        self.assertEqual({key: rows["two"][key] for key in ("state", "model", "queue", "tokens_per_second", "temperature_c", "work_share", "alarms")},
                         {"state": "online", "model": "pilot", "queue": 1, "tokens_per_second": 2.5, "temperature_c": 45.5, "work_share": 0.5, "alarms": []})
        self.assertNotIn("seen_s", rows["two"], "what the broker had kept says nothing of now")

    def test_watch_shows_that_one_of_a_fleet_died_and_another_lives(self):
        one, two = self.fleet()
        run = self.start("ctl", "watch", "--fleet", "--json", "--period", "0.1")
        json.loads(run.stdout.readline())
        one.die()
        self.announce(two, {"at_ms": 2000, "figures": {"queue": 7}})
        end = time.monotonic() + 20
        while time.monotonic() < end:
            rows = {row["node"]: row for row in json.loads(run.stdout.readline())["devices"]}
            if rows["one"]["state"] == "offline" and rows["two"].get("queue") == 7:
                break
        self.assertEqual((rows["one"]["state"], rows["two"]["state"], rows["two"]["queue"]), ("offline", "online", 7))
        self.assertIn("seen_s", rows["two"])
        run.send_signal(signal.SIGINT)
        _, words = run.communicate(timeout=20)
        self.assertEqual((run.returncode, words), (0, b""))

    def test_watch_of_a_fleet_without_anybody_and_of_bad_names(self):
        self.assertEqual(self.ctl("watch", "--fleet", "--count", "1")[0], "lab: no device was heard of\n")
        self.assertIn("node 'a/b'", self.ctl("watch", "a/b", "c", code=2)[1])


if __name__ == "__main__":
    unittest.main()
