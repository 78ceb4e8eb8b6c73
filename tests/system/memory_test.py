"""A memory control group too small for the model: weights that do not fit are read again, idle memory goes back, nothing is killed.

The limit is the anonymous plan (once: what linnetd really holds of it) and 60 % of the weights; without swap there is nowhere else to go. Skips
loudly where no group can be made (not root, no memory controller).
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import world

V2 = pathlib.Path("/sys/fs/cgroup")
V1 = pathlib.Path("/sys/fs/cgroup/memory")
REQUESTS = 200
PROMPTS = [f"turn on the lights in room {number}" for number in range(20)]


class Group:
    """A memory control group of v2 or v1, with a hard limit and without swap."""

    def __init__(self):
        self.v2 = (V2 / "cgroup.controllers").exists()
        self.folder = (V2 if self.v2 else V1) / f"linnet-test-{os.getpid()}"
        self.folder.mkdir()

    def file(self, v2, v1):
        return self.folder / (v2 if self.v2 else v1)

    def limit(self, size):
        memory = self.file("memory.max", "memory.limit_in_bytes")
        swap = self.file("memory.swap.max", "memory.memsw.limit_in_bytes")
        settings = [(memory, size), (swap, 0 if self.v2 else size)]
        raised = not self.v2 and size > int(memory.read_text())  # The limit of both together is never under that of memory.
        for file, value in reversed(settings) if raised else settings:
            if file.exists():
                file.write_text(str(value))

    def kills(self):
        events = dict(line.split()[:2] for line in self.file("memory.events", "memory.oom_control").read_text().splitlines())
        return int(events.get("oom_kill", 0))

    def peak(self):
        return int(self.file("memory.peak", "memory.max_usage_in_bytes").read_text())

    def remove(self):
        for _ in range(100):
            try:
                return self.folder.rmdir()
            except OSError:  # Its last process has not gone yet.
                time.sleep(0.05)


class Memory(world.World):
    def setUp(self):
        super().setUp()
        try:
            self.group = Group()
            self.addCleanup(self.group.remove)
            self.group.limit(1 << 40)
        except OSError as error:
            print(f"SKIPPED: no memory control group can be made: {error}", file=sys.stderr)
            self.skipTest("no memory control group")
        # A copy of its own: pages that others have in memory are charged to them.
        self.model = pathlib.Path(self.folder) / "pilot.gguf"
        self.cache = pathlib.Path(self.folder) / "cache"
        shutil.copy(world.PILOT, self.model)
        self.port = self.broker().port

    def start(self, name, in_group):
        """linnetd on the machine itself, whose memory counts here; a person's budget lets it load what does not fit."""
        device = self.daemon(self.port, start=False, model=self.model, state=f"state-{name}", more='[engine]\nmemory_budget = "1G"\n')
        device.configuration.write_text(re.sub(r'(?m)^board = .*$', "", device.configuration.read_text()))
        for path in (self.model, *self.cache.rglob("*.gguf")):  # So that who reads it pays for it.
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        join = f'echo $$ > {self.group.folder}/cgroup.procs; exec "$@"'
        device.start(environment={"XDG_CACHE_HOME": str(self.cache)}, wrapper=("sh", "-c", join, "sh") if in_group else ())
        client = self.client(self.port)
        self.wait_ready(device, client, 20)
        return device, client

    def answers(self, client, name, count):
        said, took = {}, []
        for number in range(count):
            prompt = PROMPTS[number % len(PROMPTS)]
            began = time.monotonic()
            outcome = client.ask("infer", f"{name}{number}", {"prompt": prompt}, 60)
            took.append(time.monotonic() - began)
            self.assertEqual(outcome["status"], "done", outcome)
            self.assertEqual(outcome["text"], said.setdefault(prompt, outcome["text"]))
        return said, statistics.median(took)

    def figures(self, client):
        return json.loads(client.states.get("health", "{}")).get("figures", {})

    def planned(self, client):
        """The anonymous rows of the plan: the figure counts the weights that tokens read too."""
        plan = json.loads(subprocess.run([world.LINNET, "info", self.model, "--plan", "--json"], check=True, capture_output=True).stdout)["plan"]
        return int(self.figures(client)["memory_planned_bytes"]) - plan["budgeted_bytes"] + plan["anonymous_bytes"]

    def assert_alive(self, device):
        self.assertTrue(device.running, device.words()[-2000:])
        self.assertEqual((device.starts, self.group.kills()), (1, 0))

    def tell(self, what, limit, anonymous, held, free, client):
        streamed = self.figures(client)["weights_streamed_bytes"]
        print(f"{what} under {limit / 2**20:.1f} MiB ({anonymous / 2**20:.1f} anonymous, weights {self.model.stat().st_size / 2**20:.1f}): nothing killed, "
              f"{streamed / 2**20:.1f} MiB read again for each token; {held / free:.2f} times as long as without", file=sys.stderr)

    def test_answers_go_on_where_the_weights_do_not_fit(self):
        device, client = self.start("free", in_group=False)
        expected, free = self.answers(client, "free", 2 * len(PROMPTS))
        anonymous = self.planned(client)
        device.stop()
        client.close()
        limit = anonymous + self.model.stat().st_size * 6 // 10
        self.group.limit(limit)
        device, client = self.start("held", in_group=True)
        self.assertIn("read again for each token", device.words())
        said, held = self.answers(client, "held", REQUESTS)
        self.assertEqual(said, expected)
        self.assert_alive(device)
        self.assertGreater(self.group.peak(), limit * 0.95, "the limit was never reached: nothing was shown")
        self.tell(f"{REQUESTS} requests", limit, anonymous, held, free, client)

    def test_a_limit_that_comes_later_is_kept_too(self):
        device, client = self.start("held", in_group=True)
        expected, free = self.answers(client, "free", 2 * len(PROMPTS))
        world.wait_until(lambda: "memory_planned_bytes" in self.figures(client), 10, "figures")
        anonymous = self.planned(client)
        self.assertEqual(self.figures(client)["weights_streamed_bytes"], 0)
        limit = anonymous + self.model.stat().st_size * 6 // 10
        self.group.limit(limit)
        world.wait_until(lambda: self.figures(client).get("weights_streamed_bytes"), 20, "weights are let go")
        self.assertIn("no room for all weights", device.words())
        said, held = self.answers(client, "held", len(PROMPTS))
        self.assertEqual(said, expected)
        self.assert_alive(device)
        self.tell(f"{len(PROMPTS)} requests after the limit was set", limit, anonymous, held, free, client)
        self.group.limit(1 << 40)
        world.wait_until(lambda: self.figures(client).get("weights_streamed_bytes") == 0, 20, "all weights stay again")
        self.assertEqual(self.answers(client, "after", len(PROMPTS))[0], expected)


class Pressure(world.World):
    def test_what_nobody_uses_is_given_back_and_answers_stay(self):
        port = self.broker().port
        device = self.daemon(port, start=False)
        board = pathlib.Path(self.folder) / "board.toml"
        with open(board, "a") as file:  # Somebody waits for memory from the second to the eighth second.
            for at, some in ((2000, 40.0), (8000, 0.0)):
                file.write(f'[[vitals]]\nat_ms = {at}\nmemory_available = "2G"\nmemory_pressure = {some}\n')
        device.start()
        client = self.client(port)
        self.wait_ready(device, client)
        figures = lambda: json.loads(client.states.get("health", "{}")).get("figures", {})
        said, number, was_short = {}, 0, False
        while not (was_short and figures()["memory_short"] == 0):
            self.assertLess(number, 5000)
            was_short = was_short or figures().get("memory_short") == 1
            prompt = PROMPTS[number % len(PROMPTS)]
            outcome = client.ask("infer", f"r{number}", {"prompt": prompt}, 30)
            self.assertEqual((outcome["status"], outcome["text"]), ("done", said.setdefault(prompt, outcome["text"])))
            number += 1
        self.assertGreater(figures()["memory_reliefs"], 0)
        self.assertGreater(figures()["memory_given_back_bytes"], 0)
        self.assertIn("memory is short: ", device.words())
        self.assertIn("memory is not short any more", device.words())


if __name__ == "__main__":
    world.main()
