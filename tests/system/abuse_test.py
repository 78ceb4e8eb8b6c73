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

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import world

VALID = [
    ("infer", {"prompt": "turn on the radio"}, {}),
    ("infer", {"messages": [{"role": "user", "content": "make the living room blue"}], "max_tokens": 5, "temperature": 0.5, "top_k": 3,
               "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "seed": 7, "stop": ["}"], "response": "json"}, {"stream": False, "prio": "high"}),
    ("infer", {"prompt": "turn on the radio", "model": "pilot"}, {"deadline_ms": 20000, "durable": True}),
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


class Mutator:
    """From valid requests, by a seed: (topic's end, payload, properties)."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def message(self, number):
        operation, args, more = self.random.choice(VALID)
        payload = json.dumps({"id": f"f{number}", **({} if args is None else {"args": args}), **more}).encode()
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 5])):
            payload = self.mutate(payload)
        if self.random.random() < 0.01:
            payload += b" " * 140000  # Over the 128 KiB of docs/mqtt.md, below the packet size that the broker was told.
        if self.random.random() < 0.03:
            operation = self.random.choice(["INFER", "infer ", "x" * 200, "job", "cfg", "\u00e9", "status-"])
        return operation, payload

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

    def test_mutated_requests_are_all_answered(self):
        count, mutator, answered = world.scaled(3000, 100000), Mutator(11), set()
        fuzzer = self.client(self.port, who="fuzzer")
        base = f"{fuzzer.base}/rsp/tester/"
        fuzzer.client.on_message = lambda _client, _data, message: answered.add(message.topic[len(base):])
        fuzzer.client.subscribe(base + "#", qos=1)
        time.sleep(0.3)
        begin = self.anonymous_bytes()
        for number in range(count):
            operation, payload = mutator.message(number)
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = f"{base}f{number}"
            properties.CorrelationData = os.urandom(mutator.random.choice([0, 8, 64, 65, 300]))
            handle = fuzzer.client.publish(f"{fuzzer.base}/req/tester/{operation}", payload, qos=1, properties=properties)
            if number % 100 == 99:
                handle.wait_for_publish(120)
                # A broker drops what its subscriber does not take in time: no more than a few hundred answers are on their way.
                end = time.monotonic() + 60
                while len(answered) < number - 200 and time.monotonic() < end:
                    time.sleep(0.005)
                self.assertTrue(self.device.running, f"it ended with {self.device.process.returncode} near message {number}")
                self.assertGreater(len(answered), number - 300, "it answers")
        handle.wait_for_publish(120)
        world.wait_until(lambda: self.client_.outcome_of("alive") or self.client_.send("status", "alive").wait_for_publish(5), 60, "it answers")
        self.client_.ask("infer", "last", {"prompt": "turn on the radio"}, seconds=120)
        end = time.monotonic() + 30
        while len(answered) < count and time.monotonic() < end:
            time.sleep(0.1)
        silent = [number for number in range(count) if f"f{number}" not in answered]
        again = Mutator(11)
        for number in range(max(silent[:3], default=-1) + 1):
            message = again.message(number)
            again.random.choice([0, 8, 64, 65, 300])
            if number in silent[:3]:
                print(f"no answer to {number}: {message[0]!r} {message[1][:300]!r}")
        grown = self.anonymous_bytes() - begin
        print(f"{count} mutated requests, {len(silent)} without an answer; {grown / 2**20:.1f} MiB more memory")
        self.assertEqual(silent, [])
        self.assertLess(grown, 64 << 20, "what it keeps for replays and queues is bounded")
        self.assertEqual(self.device.stop(), 0)

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
        statuses = {self.client_.outcome_of(request)["status"] for request in asked}
        self.assertLessEqual(statuses, {"done", "rejected"}, "refused while a whole file gives it no role, else done")
        time.sleep(0.5)
        self.assertEqual(self.client_.ask("infer", "after", {"prompt": "turn on the radio"}, seconds=60)["status"], "done")

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
