"""A board that heats up while it answers: linnetd slows down, says so, refuses when that is not enough, and comes back.

The board is a script: cool, at its limit, beyond it, cool again. Answers go on all the time, each with its outcome.
"""

import json
import os
import pathlib
import statistics
import time

import world

TEXT = world.SOURCE / "tests/data/models/llama-f16.gguf"

COOL, NEAR, HOT = 40000, 79500, 81000
# From when on, milliseconds after the start of linnetd, and how hot. Sampled once a second.
COURSE = ((0, COOL), (5000, NEAR), (12000, HOT), (18000, COOL))
END = 32
TOKENS = 400

BOARD = """
name = "A board without a fan"
[facts]
cores = 2
memory = "4G"
zones = [{ name = "cpu-thermal", passive = 80000, critical = 110000 }]
[[line]]
name = "LAMP"
[[line]]
name = "DOOR"
""" + "".join(f"""
[[vitals]]
at_ms = {at}
memory_available = "2G"
temperatures = {{ cpu-thermal = {temperature} }}
""" for at, temperature in COURSE)


class Thermal(world.World):
    def setUp(self):
        super().setUp()
        broker = self.broker()
        self.began = time.monotonic()
        self.device = self.daemon(broker.port, board=BOARD, more=f'[models.tiny]\npath = "{TEXT}"\n')
        self.requester = self.client(broker.port)
        self.wait_ready(self.device, self.requester)

    def seconds(self):
        return time.monotonic() - self.began

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.device.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def share(self):
        return json.loads(self.requester.states["health"])["figures"].get("work_share")

    def ask_until(self, end):
        """One request after another until `end`: (when it began, seconds, outcome, the share that telemetry told in the end)."""
        ended, number, self.cpu = [], 0, []
        while self.seconds() < end:
            number += 1
            began = self.seconds()
            self.cpu.append(self.cpu_seconds())
            outcome = self.requester.ask("infer", f"r{number}", {"prompt": "hello", "model": "tiny", "max_tokens": TOKENS}, 60)
            ended.append((began, self.seconds() - began, outcome, self.share()))
            if outcome["status"] == "rejected":
                time.sleep(0.2)
        return ended

    def test_it_slows_down_says_so_and_recovers(self):
        ended = self.ask_until(END)

        def between(start, end):
            return [(took, outcome, share) for began, took, outcome, share in ended if start <= began < end]

        seconds = {name: statistics.median(took for took, _, _ in between(start, end))
                   for name, (start, end) in {"cool": (2, 5), "near": (8.5, 12)}.items()}
        # Before the limit it is slower, and says how slow; nothing is refused, and answers still end.
        busy = [(began, cpu) for (began, *_), cpu in zip(ended, self.cpu) if 8.5 <= began < 12]
        used = (busy[-1][1] - busy[0][1]) / (busy[-1][0] - busy[0][0])
        self.assertLess(used, 0.5, "of the time, by two threads that answered all along: it did not pause")
        self.assertTrue(all(outcome["status"] == "done" for _, outcome, _ in between(0, 11)))
        near = [share for _, _, share in between(8.5, 11)]
        cool = [share for _, _, share in between(3, 5)]
        self.assertTrue(near and max(near) < min(cool) / 2, (cool, near))
        # Beyond it new work is refused in words, with a time to come back.
        refused = [outcome for _, outcome, _ in between(14.5, 18) if outcome["status"] == "rejected"]
        self.assertTrue(refused)
        self.assertEqual((refused[0]["rc"], refused[0]["reason"]), (0x89, "the device is too hot"))
        self.assertGreater(refused[0]["retry_after_ms"], 0)
        # Cool again: it takes work, faster and faster.
        late = between(END - 5, END)
        self.assertTrue(late and all(outcome["status"] == "done" for _, outcome, _ in late))
        self.assertGreater(late[-1][2], 0.1)  # From 0.05, where it was refused.
        words = self.device.words()
        self.assertIn("slower: too hot; no new work until it has cooled", words)
        self.assertIn("ordinary pace again", words)
        print(f"{TOKENS} tokens took {seconds['cool']:.2f} s cool, {seconds['near']:.2f} s near the limit, {used:.2f} of a core; {len(refused)} refused; "
              f"share in the end {late[-1][2]:.2f}")


if __name__ == "__main__":
    world.main()
