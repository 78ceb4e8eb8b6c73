"""Four devices behind one broker share a queue: their work adds up, none is left behind, one that dies costs nobody an answer.

The work is bound by a disk of fixed pace (each flush takes so many milliseconds more), so that four fit on two cores.
"""

import collections
import json
import os
import pathlib
import random
import threading
import time

import paho.mqtt.client as paho
import world

MODEL = world.SOURCE / "tests/data/models/llama-f16.gguf"
SLOW_MS = 60  # Two flushes a request: at most eight requests a second of each device.


class Asked:
    def __init__(self, arguments, now):
        self.arguments, self.sent, self.member = arguments, now, None  # `member` accepted it.


class Requester:
    """Asks the pool and holds to the requester's rule of docs/mqtt.md: the same id again when nobody accepts it in time, when
    the member that did went offline, and when a busy one says so. (Members that come back are not part of these tests.)"""

    def __init__(self, port, accept_time):
        self.accept_time = accept_time
        self.open, self.done, self.again = {}, {}, 0
        self.by_member = collections.Counter()
        self.lock = threading.RLock()
        self.connected = threading.Event()
        self.client = paho.Client("requester", protocol=paho.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.max_inflight_messages_set(200)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.connected.wait(10)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, client, *_):
        client.subscribe([("linnet/1/lab/+/rsp/tester/#", 1), ("linnet/1/lab/+/avail", 1)])
        self.connected.set()

    def _on_message(self, _client, _data, message):
        _, _, _, node, kind, *_ = message.topic.split("/")
        with self.lock:
            if kind == "rsp":
                self._note_answer(node, json.loads(message.payload))
            elif message.payload == b"offline":
                for request, asked in self.open.items():
                    if asked.member == node:
                        self._publish(request, asked)

    def _note_answer(self, node, said):
        asked = self.open.get(said["id"])
        status = said.get("status")
        if asked is None or status is None:
            return
        if status == "accepted":
            asked.member = node
        elif status == "rejected":
            asked.sent = time.monotonic() + said["retry_after_ms"] / 1000 - self.accept_time
            asked.member = None
        else:
            self.by_member[node] += 1
            self.done[said["id"]] = status
            del self.open[said["id"]]

    def _publish(self, request, asked):
        asked.member, asked.sent = None, time.monotonic()
        self.again += 1
        self._send(request, asked)

    def _send(self, request, asked):
        self.client.publish("linnet/1/lab/pool/small/tester/infer", json.dumps({"id": request, "args": asked.arguments}), qos=1)

    def ask(self, request, arguments):
        asked = Asked(arguments, time.monotonic())
        with self.lock:
            self.open[request] = asked
        self._send(request, asked)

    def look_after(self):
        now = time.monotonic()
        with self.lock:
            for request, asked in self.open.items():
                if asked.member is None and now - asked.sent > self.accept_time:
                    self._publish(request, asked)

    def run(self, name, count, at_once, arguments, seconds, during=lambda done: None):
        """Asks `count` requests, so many at once; returns the seconds until all had their outcomes."""
        began, sent, before = time.monotonic(), 0, len(self.done)
        while (ended := len(self.done) - before) < count:
            while sent < count and sent - ended < at_once:
                self.ask(f"{name}-{sent}", arguments())
                sent += 1
            self.look_after()
            during(ended)
            assert time.monotonic() - began < seconds, f"{count - ended} of {count} are without an outcome: {list(self.open)[:5]}"
            time.sleep(0.005)
        return time.monotonic() - began


class Fleet(world.World):
    def setUp(self):
        super().setUp()
        self.port = self.broker(settings="allow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 10000\n").port
        self.members = []

    def member(self, number, slow_ms=SLOW_MS):
        node = f"m{number}"
        pool = 'pool = "helpers"\npool_models = ["small"]\n'
        device = self.daemon(self.port, start=False, node=node, state=f"state-{node}", mqtt=pool,
                             more=f'[models.small]\npath = "{MODEL}"\nload_at_start = true\n')
        fault = pathlib.Path(self.folder) / f"fault-{node}"
        fault.write_text(f"slow {slow_ms}")
        device.start({"LD_PRELOAD": os.environ["LINNET_FAULT_PRELOAD"], "LINNET_FAULT_FOLDER": str(device.state), "LINNET_FAULT_FILE": str(fault)})
        client = self.client(self.port, node=node)
        self.wait_ready(device, client, 20)
        self.members.append(device)
        return device

    def requester(self, accept_time=5):
        requester = Requester(self.port, accept_time)
        self.addCleanup(requester.close)
        return requester

    def test_four_do_four_times_the_work(self):
        requester, short = self.requester(), lambda: {"prompt": "hello", "max_tokens": 2}
        count = world.scaled(30, 200)
        self.member(0)
        one = count / requester.run("one", count, 8, short, 300)
        for number in range(1, 4):
            self.member(number)
        requester.by_member.clear()
        four = 4 * count / requester.run("four", 4 * count, 32, short, 300)
        print(f"{one:.1f} requests a second of one device, {four:.1f} of four: {four / one:.2f} times; {dict(requester.by_member)}")
        self.assertGreater(four / one, 3.5 if world.SOAK else 2.5)

    def test_mixed_lengths_and_a_slow_member(self):
        dice = random.Random(4)
        for number in range(4):
            self.member(number, slow_ms=2 * SLOW_MS if number == 3 else SLOW_MS)
        requester = self.requester()
        seconds = requester.run("mixed", world.scaled(100, 1000), 16, lambda: {"prompt": "hello", "max_tokens": dice.randint(1, 30)}, 600)
        most, least = max(requester.by_member.values()), min(requester.by_member.values())
        print(f"in {seconds:.0f} s {dict(requester.by_member)}: the most loaded did {most / least:.2f} times of the least")
        self.assertEqual(len(requester.by_member), 4)
        self.assertLessEqual(most / least, 1.5)

    def test_a_member_that_dies_costs_nobody_an_answer(self):
        for number in range(4):
            self.member(number)
        requester, killed = self.requester(accept_time=2), []
        count = world.scaled(80, 800)

        def kill_one(ended):
            if ended >= count // 3 and not killed:
                killed.append(self.members[1].kill())

        requester.run("dying", count, 24, lambda: {"prompt": "hello", "max_tokens": 4}, 600, kill_one)
        print(f"{requester.again} asked again; {dict(requester.by_member)}")
        self.assertEqual(killed, [-9])
        self.assertEqual(collections.Counter(requester.done.values()), {"done": count})
        self.assertGreater(requester.again, 0, "some were on the dead one")


if __name__ == "__main__":
    world.main()
