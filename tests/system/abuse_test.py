"""Clients that send what nobody should: mutated requests by the thousand, reconnects, reloads of broken configurations.

Whatever comes, linnetd stays, answers every message whose answer has a place to go, and keeps its promises to the others.
"""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import unittest
from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import world

VALID = [
    ("infer", {"prompt": "turn on the radio"}, {}),
    ("infer", {"messages": [{"role": "user", "content": "make the living room blue"}], "max_tokens": 5, "temperature": 0.5, "top_k": 3,
               "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "seed": 7, "stop": ["}"], "response": "json"}, {"stream": False, "prio": "high"}),
    ("infer", {"prompt": "turn on the radio", "model": "pilot"}, {"deadline_ms": 20000, "durable": True}),
    ("embed", {"texts": ["turn on the radio", ""], "model": "pilot"}, {}),
    ("cancel", {"id": "f1"}, {}),
    ("replay", {"id": "f1", "from_seq": 0}, {}),
    ("gpio", {"line": "LAMP", "active": True}, {}),
    ("gpio", {"line": "LAMP"}, {}),
    ("status", None, {}),
    ("models", None, {}),
    ("rebirth", None, {}),
    ("load", {"model": "pilot"}, {}),
]
BITS = [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b'"', b"\\u0000", b"\\ud800", b"\\", b"[" * 3000, b'{"a":' * 3000, b"1e999",
        b"-1", b"99999999999999999999", b"NaN", b"null", b"true", b"0.0000001", b"\xef\xbb\xbf", b",", b"}" * 50, b"x" * 2000, b'"id":"other",', b" " * 5000]


class Sent(NamedTuple):
    """A message of the mutator, below the device's topics, and where its answer must come (None: it is ignored)."""

    topic: str
    payload: bytes
    response: str
    answer: str | None
    retain: bool = False


class Mutator:
    """From valid requests, by a seed: what lies in them is broken, or their topics are forged."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def message(self, number):
        operation, args, more = self.random.choice(VALID)
        payload = json.dumps({"id": f"f{number}", **({} if args is None else {"args": args}), **more}).encode()
        if self.random.random() < 0.1:
            return self.forged(number, operation, payload)
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 5])):
            payload = self.mutate(payload)
        if self.random.random() < 0.01:
            payload += b" " * 140000  # Over the 128 KiB of docs/mqtt.md, below the packet size that the broker was told.
        if self.random.random() < 0.03:
            operation = self.random.choice(["INFER", "infer ", "x" * 200, "job", "cfg", "\u00e9", "status-"])
        return Sent(f"req/tester/{operation}", payload, f"rsp/tester/f{number}", f"rsp/tester/f{number}")

    def forged(self, number, operation, payload):
        """A whole request whose topic, sender or place of answer is not what it should be."""
        own, stranger = f"rsp/tester/f{number}", f"rsp/stranger/f{number}"
        elsewhere = self.random.choice([f"rsp/victim/f{number}", "avail", "birth", "req/tester/gpio", "rsp/tester", f"rsp/tester/../victim/f{number}",
                                        f"rsp/testers/f{number}", f"x/f{number}", "rsp/tester/" + "y" * 600])
        nobody = self.random.choice(["TESTER", "", "t" * 64, "tester ", "..", "\u00e9", "tester\u0301"])
        return self.random.choice([
            Sent(f"req/tester/{operation}", payload, elsewhere, own if not elsewhere.startswith("rsp/tester/") else elsewhere),
            Sent(f"req/stranger/{operation}", payload, stranger, stranger),
            Sent(f"req/stranger/{operation}", payload, own, stranger),
            Sent(f"req/{nobody}/{operation}", payload, own, None),
            Sent(f"req/tester/{operation}", payload, own, None, retain=True),
            Sent("req/tester/", payload, own, None),
            Sent(f"req/tester/{operation}/more", payload, own, None),
        ])

    def mutate(self, payload):
        at = self.random.randrange(len(payload) + 1)
        end = min(len(payload), at + self.random.choice([1, 1, 2, 8, 40]))
        kind = self.random.randrange(5)
        if kind == 0:
            return payload[:at]
        if kind == 1:
            return payload[:at] + payload[end:]
        if kind == 2:
            return payload[:at] + self.random.choice(BITS) + payload[end:]
        if kind == 3:
            return payload[:at] + payload[at:end] * 3 + payload[end:]
        return payload[:at] + bytes([self.random.randrange(256)]) + payload[at + 1:]


class Abuse(world.World):
    def setUp(self):
        super().setUp()
        self.port = self.broker().port
        self.client_ = self.client(self.port)
        self.device = self.daemon(self.port)
        self.wait_ready(self.device, self.client_)

    def anonymous_bytes(self):
        lines = pathlib.Path(f"/proc/{self.device.process.pid}/smaps_rollup").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("Anonymous")).split()[1])

    def test_mutated_requests_are_answered_or_ignored_as_documented(self):
        count, mutator, told, expected, ignored = world.scaled(3000, 100000), Mutator(11), set(), set(), set()
        fuzzer = self.client(self.port, who="fuzzer")
        base, memory = fuzzer.base + "/", []

        def hear(_client, _data, message):
            if b'"status":' in message.payload or b'"seq":' in message.payload:  # What is said about a request, wherever it goes.
                told.add(message.topic[len(base):])

        fuzzer.client.on_message = hear
        fuzzer.client.subscribe([(base + "rsp/#", 1), (base + "x/#", 1)])
        time.sleep(0.3)
        for number in range(count):
            sent = mutator.message(number)
            (ignored if sent.answer is None else expected).add(sent.answer or sent.response)
            handle = fuzzer.client.publish(base + sent.topic, sent.payload, qos=1, retain=sent.retain, properties=self.properties_of(sent, mutator))
            if sent.retain:  # A new subscriber gets a retained message as such; who is there already gets it as any other.
                fuzzer.client.publish(base + sent.topic, b"", qos=1, retain=True)
            if number % 100 == 99:
                self.keep_pace(handle, told, expected, number)
            if number % (count // 20) == 0:
                memory.append(self.anonymous_bytes())
        handle.wait_for_publish(120)
        self.client_.ask("infer", "last", {"prompt": "turn on the radio"}, seconds=120)
        end = time.monotonic() + 30
        while not expected <= told and time.monotonic() < end:
            time.sleep(0.1)
        memory.append(self.anonymous_bytes())
        self.judge(count, told, expected, ignored)
        grown = memory[-1] - memory[len(memory) // 2]
        print(f"{count} mutated requests, all answered but {len(ignored)} that are ignored; memory {memory[0] / 2**20:.1f} MiB at first, "
              f"{memory[len(memory) // 2] / 2**20:.1f} half-way, {memory[-1] / 2**20:.1f} at the end")
        self.assertLess(grown, 4 << 20, "what it keeps for replays and queues is bounded, and was filled by then")
        self.assertEqual(self.device.stop(), 0)

    @staticmethod
    def properties_of(sent, mutator):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"linnet/1/lab/dut/{sent.response}"
        properties.CorrelationData = os.urandom(mutator.random.choice([0, 8, 64, 65, 300]))
        return properties

    def keep_pace(self, handle, told, expected, number):
        """A broker drops what its subscriber does not take in time: no more than a few hundred answers are on their way."""
        handle.wait_for_publish(120)
        end = time.monotonic() + 60
        while len(expected - told) > 200 and time.monotonic() < end:
            time.sleep(0.005)
        self.assertTrue(self.device.running, f"it ended with {self.device.process.returncode} near message {number}")
        self.assertLess(len(expected - told), 300, "it answers")

    def judge(self, count, told, expected, ignored):
        silent, again = expected - told, Mutator(11)
        for number in range(count if silent else 0):
            sent = again.message(number)
            again.random.choice([0, 8, 64, 65, 300])
            if sent.answer in silent:
                print(f"no answer to {number}: {sent.topic!r} {sent.response!r} {sent.payload[:300]!r}")
        self.assertEqual(silent, set())
        self.assertEqual(told & ignored, set(), "these have nobody to be answered to")
        self.assertEqual({topic for topic in told if not topic.startswith(("rsp/tester/", "rsp/stranger/"))}, set(), "nobody makes it publish elsewhere")

    def test_clients_that_come_and_go(self):
        """Each asks and leaves before its answer; the one that stays is served."""
        rounds = world.scaled(40, 1000)
        for number in range(rounds):
            guest = world.Client(self.port, who=f"guest{number % 5}").ready()
            guest.send("infer", f"g{number}", {"prompt": "turn on the radio"})
            if number % 2:
                guest.client.socket().shutdown(socket.SHUT_RDWR)
            guest.close()
            if number % 10 == 9:
                self.assertEqual(self.client_.ask("infer", f"stays{number}", {"prompt": "turn on the radio"}, seconds=60)["status"], "done")
        self.assertTrue(self.device.running)

    def test_reloads_of_whatever_is_in_the_file(self):
        """SIGHUP by the hundred, with broken files between whole ones, while it works: nothing is lost, nobody is let in."""
        whole = self.device.configuration.read_text()
        dice = random.Random(3)
        asked = []
        for number in range(world.scaled(60, 1000)):
            cut = dice.randrange(len(whole))
            broken = [whole[:cut], whole[:cut] + "\x00\xff" + whole[cut:], whole.replace("[roles]", "[rules]"), whole.replace('"root"', '"emperor"'),
                      "", whole + whole, whole.replace("lab", "LAB")]
            self.device.configuration.write_text(dice.choice(broken) if number % 2 else whole, errors="surrogateescape")
            self.device.process.send_signal(signal.SIGHUP)
            asked.append(f"h{number}")
            self.client_.send("infer", asked[-1], {"prompt": "turn on the radio"})
            time.sleep(dice.uniform(0, 0.02))
        self.device.configuration.write_text(whole)
        self.device.process.send_signal(signal.SIGHUP)
        for request in asked:
            world.wait_until(lambda: self.client_.outcome_of(request), 60, f"{request} has an outcome")
            self.assertTrue(self.device.running, self.device.words()[-2000:])
        ends = [self.client_.outcome_of(request) for request in asked]
        others = [end for end in ends if end["status"] not in ("done", "rejected")]
        self.assertEqual(others, [], "refused while a whole file gives it no role, else done")
        time.sleep(0.5)
        self.assertEqual(self.client_.ask("infer", "after", {"prompt": "turn on the radio"}, seconds=60)["status"], "done")

    def test_an_answer_where_the_broker_ends_the_connection_is_refused(self):
        deep = f"{self.client_.base}/rsp/tester/" + "a/" * 30000
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = deep
        for operation in ("status", "infer", "nothing"):
            payload = json.dumps({"id": f"deep-{operation}", "args": {"prompt": "turn on the radio"} if operation == "infer" else {}})
            self.client_.client.publish(f"{self.client_.base}/req/tester/{operation}", payload, qos=1, properties=properties)
            world.wait_until(lambda: self.client_.outcome_of(f"deep-{operation}"), 20, "it is refused")
        self.assertEqual(self.client_.outcome_of("deep-status")["rc"], 0x87)
        self.assertEqual(self.client_.ask("infer", "after", {"prompt": "turn on the radio"})["status"], "done")
        self.assertEqual(self.device.words().count("connected to the broker"), 1, "it never lost its connection")

    def test_a_second_daemon_does_not_harm_the_first(self):
        for number in range(world.scaled(5, 50)):
            second = subprocess.run([world.LINNETD, "-c", self.device.configuration], capture_output=True, text=True, timeout=60)
            self.assertIn(second.returncode, (5, 6), second.stderr)
            self.assertIn("another linnetd", second.stderr)
            self.assertEqual(self.client_.ask("infer", f"d{number}", {"prompt": "turn on the radio"})["status"], "done")
        self.assertEqual(self.device.stop(), 0)
        self.device.start()
        self.wait_ready(self.device, self.client_)


if __name__ == "__main__":
    world.main()
