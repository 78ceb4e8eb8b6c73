"""kill -9 at random moments and at every named fail point; the broker killed: nothing accepted is lost or done twice."""

import collections
import itertools
import json
import os
import random
import signal
import subprocess
import time
import unittest

import world

SENTENCES = [json.loads(line)["text"] for line in (world.SOURCE / "models/pilot/demo.jsonl").read_text().splitlines()]


def fail_points():
    """Their names, as the daemon tells them."""
    if not os.path.exists(world.LINNETD):
        return []
    listing = subprocess.run([world.LINNETD, "--list-fail-points"], capture_output=True, text=True)
    return listing.stdout.split() if listing.returncode == 0 else []


class Crashes(world.World):
    def setUp(self):
        super().setUp()
        self.broker_ = self.broker()
        self.port = self.broker_.port
        self.client_ = self.client(self.port, clean=False)
        self.device = self.daemon(self.port, start=False)
        self.sent, self.numbers = [], itertools.count()
        self.random = random.Random(7)
        self.slowest = 0.0

    def send_some(self, count):
        """Sentences, half of them durable, one in three with an action, and a line driven."""
        for _ in range(count):
            number = next(self.numbers)
            request = f"r{number}"
            if number % 4 == 3:
                self.client_.send("gpio", request, {"line": "LAMP", "active": number % 8 == 3})
            else:
                self.client_.send("infer", request, {"prompt": SENTENCES[number % 10]}, durable=number % 2 == 0)
            self.sent.append(request)

    def start_again(self, **options):
        self.device.start(**options)
        self.slowest = max(self.slowest, self.wait_ready(self.device, self.client_))

    def check_all(self):
        """Each request that was accepted has one outcome; those that nobody accepted get theirs when sent again."""
        for request in self.sent:
            if not self.client_.payloads[request] and not self.client_.accepted(request):
                continue
            world.wait_until(lambda: self.client_.payloads[request], 60, f"{request} has an outcome: {self.client_.said(request)}")
            self.assert_one_outcome(self.client_, request)
        deeds = collections.Counter(event["id"] for kind, event in self.client_.events if kind == "event/action" and event["action"]["done"])
        # The event itself is delivered at least once: the same bytes are the same deed.
        self.assertLessEqual(set(deeds), set(self.sent))

    def assert_no_deed_twice(self):
        """No answer tells of a deed whose request was cut off after its intent: it ended `outcome_unknown`."""
        for request in self.sent:
            for payload in self.client_.payloads[request]:
                outcome = json.loads(payload)
                done = [deed for deed in outcome.get("actions", []) if deed["done"]]
                self.assertLessEqual(len(done), 1, outcome)

    def test_killed_at_random_moments(self):
        rounds = world.scaled(8, 600)
        self.start_again()
        for _ in range(rounds):
            self.send_some(4)
            time.sleep(self.random.uniform(0, 0.15))
            self.device.kill()
            self.start_again()
        self.check_all()
        self.assert_no_deed_twice()
        print(f"{rounds} kills at random moments, {len(self.sent)} requests; ready again after {self.slowest:.2f} s at worst")

    def test_killed_in_every_named_state(self):
        points, kills = fail_points(), collections.Counter()
        if not points:
            self.skipTest("linnetd names no fail points")
        rounds = world.scaled(1, 20)
        for point in points:
            for _ in range(rounds):
                self.start_again(environment={"LINNET_FAIL_POINT": point})
                for _ in range(6):
                    self.send_some(4)
                    try:
                        code = self.device.process.wait(1.0)
                    except subprocess.TimeoutExpired:
                        continue
                    self.assertEqual(code, -signal.SIGKILL, self.device.words()[-2000:])
                    kills[point] += 1
                    break
                self.device.kill()
                self.start_again()
                self.device.kill(signal.SIGTERM)
        self.start_again()
        self.check_all()
        self.assert_no_deed_twice()
        print(f"kills at fail points: {dict(kills)}; ready again after {self.slowest:.2f} s at worst")
        self.assertEqual(set(kills), set(points), "every point was reached")
        self.assertGreaterEqual(min(kills.values()), rounds)

    def test_an_action_is_never_repeated(self):
        """Cut off between the intent and the result: `outcome_unknown`, also when the command is sent again."""
        points = [point for point in fail_points() if "intent" in point or "drive" in point]
        if not points:
            self.skipTest("linnetd names no fail points")
        for point in points:
            request = f"act-{point}"
            self.start_again(environment={"LINNET_FAIL_POINT": point})
            self.client_.send("gpio", request, {"line": "LAMP", "active": True})
            self.assertEqual(self.device.process.wait(20), -signal.SIGKILL)
            self.start_again()
            outcome = world.wait_until(lambda: self.client_.outcome_of(request), 20, "an outcome after the crash")
            self.assertEqual((outcome["status"], outcome["reason"]), ("failed", "outcome_unknown"))
            self.assertFalse(self.client_.ask("gpio", f"{request}-read", {"line": "LAMP"})["result"], "the safe state")
            self.client_.send("gpio", request, {"line": "LAMP", "active": True})
            time.sleep(0.3)
            self.assertFalse(self.client_.ask("gpio", f"{request}-again", {"line": "LAMP"})["result"], "not done by a duplicate")
            self.assert_one_outcome(self.client_, request)
            self.device.kill(signal.SIGTERM)

    def test_the_broker_is_killed(self):
        rounds = world.scaled(6, 200)
        self.start_again()
        for _ in range(rounds):
            self.send_some(4)
            time.sleep(self.random.uniform(0, 0.1))
            self.broker_.kill()
            self.broker_.start()
            world.wait_until(self.client_.connected.is_set, 30, "the client is back")
        # What a broker lost, its requester sends again: the same id is the same request.
        for request in list(self.sent):
            self.assertTrue(self.device.running, self.device.words()[-2000:])
            for _ in range(60):
                if self.client_.outcome_of(request):
                    break
                number = int(request[1:])
                if number % 4 == 3:
                    self.client_.send("gpio", request, {"line": "LAMP", "active": number % 8 == 3})
                else:
                    self.client_.send("infer", request, {"prompt": SENTENCES[number % 10]}, durable=number % 2 == 0)
                time.sleep(1)
            world.wait_until(lambda: self.client_.payloads[request], 30, f"{request} has an outcome")
            self.assert_one_outcome(self.client_, request)
        self.assert_no_deed_twice()
        print(f"{rounds} kills of the broker, {len(self.sent)} requests, each with one outcome")


if __name__ == "__main__":
    world.main()
