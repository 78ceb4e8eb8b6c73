"""What a client is promised while nothing goes wrong: one outcome, the same bytes, no action twice, roles, TERM."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

import world

SENTENCES = [json.loads(line) for line in (world.SOURCE / "models/pilot/demo.jsonl").read_text().splitlines()]


class Requests(world.World):
    def setUp(self):
        super().setUp()
        self.port = self.broker().port
        self.client_ = self.client(self.port)
        self.device = self.daemon(self.port)
        self.wait_ready(self.device, self.client_)

    def test_the_chunks_make_the_text_and_the_hash_holds(self):
        for number, sentence in enumerate(SENTENCES):
            request = f"s{number}"
            outcome = self.client_.ask("infer", request, {"prompt": sentence["text"]})
            self.assertEqual(outcome["status"], "done", outcome)
            self.assertEqual(hashlib.sha256(outcome["text"].encode()).hexdigest(), outcome["sha256"])
            said = self.client_.said(request)
            chunks = [message for message in said if "seq" in message]
            self.assertEqual([chunk["seq"] for chunk in chunks], list(range(outcome["n_chunks"])))
            self.assertEqual("".join(chunk["text"] for chunk in chunks), outcome["text"])
            self.assertEqual(said[0]["status"], "accepted")
            json.loads(outcome["text"])

    def test_accepted_within_a_quarter_of_a_second(self):
        worst = 0
        for number in range(world.scaled(10, 200)):
            began = time.monotonic()
            self.client_.send("infer", f"q{number}", {"prompt": "turn on the radio"})
            world.wait_until(lambda: self.client_.accepted(f"q{number}"), 10, "accepted")
            worst = max(worst, time.monotonic() - began)
        print(f"accepted after {1000 * worst:.0f} ms at worst; load {os.getloadavg()[0]:.1f}")
        self.assertLess(worst, 0.25 * world.LEEWAY)

    def test_duplicates_bring_no_second_outcome_and_no_second_action(self):
        args = {"line": "LAMP", "active": True}
        count = world.scaled(500, 10000)
        first = self.client_.ask("gpio", "once", args)
        self.assertEqual(first["status"], "done", first)
        for number in range(count):
            handle = self.client_.send("gpio", "once", args)
            if number % 50 == 49:
                handle.wait_for_publish(30)
        world.wait_until(lambda: len(self.client_.payloads["once"]) > count, 300, "each duplicate is answered")
        self.assert_one_outcome(self.client_, "once")
        prompt = {"prompt": "can you turn my bedroom lights off"}
        for _ in range(50):
            self.client_.send("infer", "sentence", prompt)
        world.wait_until(lambda: self.client_.payloads["sentence"], 60, "the sentence has an outcome")
        time.sleep(1)
        self.assert_one_outcome(self.client_, "sentence")
        deeds = [event for kind, event in self.client_.events if kind == "event/action" and event["id"] == "sentence"]
        self.assertEqual(len(deeds), 1, deeds)
        print(f"{count} duplicates: 1 outcome, 1 action")

    def test_an_obeyed_sentence_drives_the_line(self):
        self.assertFalse(self.client_.ask("gpio", "before", {"line": "LAMP"})["result"])
        outcome = self.client_.ask("infer", "lights", {"prompt": "can you turn my bedroom lights off"})
        self.assertIn("iot_hue_lightoff", outcome["text"])
        self.assertTrue(self.client_.ask("gpio", "after", {"line": "LAMP"})["result"])
        self.assertEqual([deed["done"] for deed in outcome["actions"]], [True])

    def test_roles_hold(self):
        viewer = self.client(self.port, who="viewer")
        nobody = self.client(self.port, who="nobody")
        self.assertEqual(viewer.ask("status", "v1")["status"], "done")
        for client, operation, args in ((viewer, "infer", {"prompt": "x"}), (viewer, "gpio", {"line": "LAMP", "active": True}),
                                        (nobody, "status", {})):
            client.send(operation, "denied", args)
            denied = world.wait_until(lambda: client.said("") or client.said("denied"), 10, "a refusal")
            self.assertEqual((denied[-1]["status"], denied[-1]["rc"]), ("rejected", 0x87))

    def test_term_drains(self):
        count = 20
        for number in range(count):
            self.client_.send("infer", f"t{number}", {"prompt": SENTENCES[number % 10]["text"]})
        world.wait_until(lambda: self.client_.accepted(f"t{count - 1}"), 30, "all are accepted")
        began = time.monotonic()
        self.assertEqual(self.device.stop(), 0, self.device.words())
        took = time.monotonic() - began
        self.assertLess(took, 5 + 2 * world.LEEWAY, "stop_time_ms is 5000")
        world.wait_until(lambda: self.client_.states.get("avail") == b"offline", 10, "it says offline")
        self.device.start()
        self.wait_ready(self.device, self.client_)
        for number in range(count):
            world.wait_until(lambda: self.client_.payloads[f"t{number}"], 30, f"t{number} has an outcome")
            self.assert_one_outcome(self.client_, f"t{number}")

    def test_the_example_client_is_enough(self):
        example = world.SOURCE / "docs/examples/mqtt_client.py"
        self.assertLess(len(example.read_text().splitlines()), 100)
        command = [sys.executable, "-B", example, "127.0.0.1", str(self.port), "lab", "dut", "tester", "can you turn my bedroom lights off"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn('{"intent":"iot_hue_lightoff"', run.stdout)
        self.assertIn("done:", run.stdout)

    def ctl(self, *arguments, code=0):
        environment = {**os.environ, "HOME": self.folder, "LINNET_CTL_HOST": "127.0.0.1", "LINNET_CTL_PORT": str(self.port),
                       "LINNET_CTL_GROUP": "lab", "LINNET_CTL_NODE": "dut", "LINNET_CTL_WHO": "tester"}
        run = subprocess.run([world.LINNET, "ctl", *arguments], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout

    def test_ctl_speaks_with_it(self):
        self.assertIn('"bedroom"', self.ctl("infer", "-p", "can you turn my bedroom lights off"))
        self.assertIn("* pilot", self.ctl("models"))
        self.assertEqual(self.ctl("gpio", "LAMP", "off"), "LAMP off\n")
        self.assertEqual(self.ctl("gpio", "LAMP"), "LAMP off\n")
        self.ctl("gpio", "DOOR", "on", code=6)
        self.assertIn("temperature", self.ctl("status"))
        self.assertEqual(self.ctl("cancel", "never-heard-of", code=5), "unknown\n")
        self.assertIn("dut online", self.ctl("watch", "--count", "2", "--period", "0.2"))
        said = json.loads(self.ctl("infer", "-p", "make the living room blue", "--id", "mine", "--json"))
        self.assertEqual(self.ctl("replay", "mine"), said["text"])

    def test_every_topic_that_it_sends_is_in_the_manual(self):
        """docs/mqtt.md names them, and every payload that is JSON is an object."""
        self.client_.ask("infer", "lights", {"prompt": "can you turn my bedroom lights off"})
        world.wait_until(lambda: "health" in self.client_.states, 20, "health is told")
        manual = (world.SOURCE / "docs/mqtt.md").read_text()
        for tail, payload in self.client_.states.items():
            self.assertRegex(manual, re.escape(tail.split("/")[0]))
            if tail != "avail":
                self.assertIsInstance(json.loads(payload), dict, tail)


if __name__ == "__main__":
    world.main()
