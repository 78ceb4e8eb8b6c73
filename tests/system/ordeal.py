"""A device under kills, and the books that are kept of it: what was asked, what was told, what was done to its lines.

One `Ordeal` has a broker, a daemon and a requester of its own. Its books come from outside the daemon: the bytes that the
requester got, the record that the simulated board keeps of its lines, and the journal's file as SQLite reads it.
"""

import collections
import dataclasses
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import world

SENTENCES = [json.loads(line)["text"] for line in (world.SOURCE / "models/pilot/demo.jsonl").read_text().splitlines()]
OBEYED = "can you turn my bedroom lights off"  # The one that the configured rule drives LAMP for.
READY_SECONDS = 5


@dataclasses.dataclass
class Asked:
    """A request as it is sent, and sent again."""

    operation: str
    args: dict
    durable: bool
    line: str = ""  # The line that this request alone drives.


def fail_points():
    """Their names, as the daemon tells them."""
    if not os.path.exists(world.LINNETD):
        return []
    listing = subprocess.run([world.LINNETD, "--list-fail-points"], capture_output=True, text=True)
    return listing.stdout.split() if listing.returncode == 0 else []


class Ordeal:
    """What happens is counted in `counts`, what must not happen is told in `violations`."""

    def __init__(self, folder, seed, lines=400):
        self.random = random.Random(seed)
        self.counts, self.violations = collections.Counter(), []
        self.asked, self.slowest, self.lines = {}, 0.0, lines
        self.broker = world.Broker(folder).start()
        self.client = world.Client(self.broker.port, clean=False).ready()
        self.device = world.Daemon(folder, self.broker.port, lines=lines)

    def close(self):
        self.client.close()
        self.device.kill()
        self.broker.kill()

    def violate(self, text):
        self.violations.append(text)

    # What is asked.

    def send_some(self, count):
        """Sentences, half of them durable, one in ten obeyed; every third request drives a line of its own; some a second time."""
        for _ in range(count):
            number = len(self.asked)
            request = f"r{number}"
            durable = self.random.random() < 0.5
            if number % 3 == 2:
                line = f"L{number // 3}"
                assert number // 3 < self.lines, "the part is too long for its lines"
                self.asked[request] = Asked("gpio", {"line": line, "active": True}, durable, line)
            else:
                text = OBEYED if self.random.random() < 0.1 else self.random.choice(SENTENCES)
                self.asked[request] = Asked("infer", {"prompt": text}, durable)
            self.send(request)
            if self.random.random() < 0.3:
                self.send(self.random.choice(list(self.asked)[-20:]), again=True)

    def send(self, request, again=False):
        self.counts["duplicates" if again else "requests"] += 1
        asked = self.asked[request]
        return self.client.send(asked.operation, request, asked.args, durable=asked.durable)

    # What is done to it.

    def start(self, **environment):
        """Until it answers; False where it ended at a fail point before."""
        self.device.start(environment=environment)
        return self.await_answer(environment)

    def await_answer(self, environment=None):
        began, tries = time.monotonic(), 0
        while time.monotonic() - began < 12 * READY_SECONDS:
            tries += 1
            request = f"ready-{self.device.starts}-{tries}-{time.monotonic_ns()}"
            self.client.send("status", request)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                if self.client.outcome_of(request):
                    return True if environment is None else self.note_ready(time.monotonic() - began)
                if not self.device.running:
                    return self.note_end(environment or {})
                time.sleep(0.003)
        raise AssertionError("linnetd does not answer:\n" + self.device.words()[-2000:])

    def note_ready(self, seconds):
        """By the clock on the wall, from the call that starts the process to the answer."""
        self.slowest = max(self.slowest, seconds)
        if seconds > READY_SECONDS * world.LEEWAY:
            self.violate(f"ready again after {seconds:.1f} s; load {os.getloadavg()[0]:.1f}")
        return True

    def note_end(self, environment):
        code = self.device.process.returncode
        if code != -signal.SIGKILL or "LINNET_FAIL_POINT" not in environment:
            raise AssertionError(f"linnetd ended with {code}:\n{self.device.words()[-2000:]}")
        return False

    def kill_at_random(self):
        """Four requests, and the end some 30 ms later; one time in five already while it starts."""
        if self.random.random() < 0.2:
            self.device.start()
            time.sleep(self.random.uniform(0, 0.3))
        elif self.start():
            self.send_some(4)
            time.sleep(self.random.expovariate(1 / 0.03))
        code = self.device.kill()
        if code != -signal.SIGKILL:
            self.violate(f"linnetd ended by itself with {code}: {self.device.words()[-500:]}")
        self.counts["killed at random"] += 1

    def kill_at(self, point):
        """Begins from a clean stop or from a kill, by turns."""
        self.start()
        self.send_some(1)
        self.device.kill(self.random.choice([signal.SIGTERM, signal.SIGKILL]))
        alive = self.start(LINNET_FAIL_POINT=f"{point}:{self.random.randint(1, 3)}:{self.random.choice([0, 5, 30])}")
        for _ in range(8):
            if not alive:
                break
            self.send_some(3)
            try:
                self.device.process.wait(1.0)
                alive = False
            except subprocess.TimeoutExpired:
                pass
        if alive:
            return self.violate(f"{point} was not reached")
        self.note_end({"LINNET_FAIL_POINT": point})
        self.counts[f"killed at {point}"] += 1

    def kill_broker(self):
        """One time in five the device is killed with it: the power of both is cut."""
        self.send_some(4)
        time.sleep(self.random.uniform(0, 0.1))
        both = self.random.random() < 0.2
        self.broker.kill()
        if both:
            self.device.kill()
            self.counts["killed with the broker"] += 1
        self.broker.start()
        self.counts["broker killed"] += 1
        world.wait_until(self.client.connected.is_set, 60, "the requester is back")
        if both:
            self.start()
        elif not self.device.running:
            raise AssertionError("linnetd ended with the broker:\n" + self.device.words()[-2000:])

    def terminate(self, stop_seconds=5):
        """TERM amid work: it drains, or fails what is left, within its stop time."""
        self.start()
        self.send_some(self.random.randint(1, 30))
        time.sleep(self.random.uniform(0, 0.3))
        began = time.monotonic()
        code = self.device.stop(60)
        took = time.monotonic() - began
        self.counts["terminated"] += 1
        if code != 0:
            self.violate(f"TERM: exit code {code}: {self.device.words()[-500:]}")
        if took > stop_seconds + READY_SECONDS * world.LEEWAY:
            self.violate(f"TERM: ended after {took:.1f} s")

    def duplicate(self, count, ids=60):
        """`count` further copies of a few requests, the first of them while the request waits or runs."""
        self.start()
        self.send_some(ids)
        names = list(self.asked)
        for number in range(count):
            handle = self.send(self.random.choice(names), again=True)
            if number % 100 == 99:
                handle.wait_for_publish(60)
        world.wait_until(lambda: sum(len(self.client.payloads[name]) for name in names) >= count * 0.5, 600, "duplicates are answered")

    # What must hold.

    def settle(self, broker_lost=False):
        """Starts it once more, waits for what was accepted, sends everything again, and looks at all the books."""
        self.device.kill() if not self.device.running else None
        if self.await_answer() if self.device.running else self.start():
            self.await_accepted(broker_lost)
            self.ask_again()
            for request in self.asked:
                self.check_request(request)
            self.check_lines()
            code = self.device.stop(60)
            if code != 0:
                self.violate(f"the last stop: exit code {code}")
            self.check_journal()

    def await_accepted(self, broker_lost):
        """Who was told `accepted` gets the outcome unasked; a broker that was killed may have lost it on the way."""
        accepted = [request for request in self.asked if self.client.accepted(request)]
        self.counts["accepted"] += len(accepted)
        end = time.monotonic() + (10 if broker_lost else 60)
        while time.monotonic() < end and any(not self.client.payloads[request] for request in accepted):
            time.sleep(0.05)
        lost = [request for request in accepted if not self.client.payloads[request]]
        self.counts["outcomes unasked"] += len(accepted) - len(lost)
        if broker_lost:
            kept = {row[0] for row in self.rows("SELECT id FROM outcomes UNION SELECT id FROM requests")}
            lost = [request for request in lost if request not in kept]
        for request in lost:
            self.violate(f"{request} was accepted and has no outcome: {self.client.said(request)}")

    def ask_again(self):
        """A duplicate of each request (of what nobody accepted it is the first), every 20 s until it is answered."""
        told = {request: len(self.client.payloads[request]) for request in self.asked}
        silent, end = list(self.asked), time.monotonic() + 120
        while silent and time.monotonic() < end:
            for number, request in enumerate(silent):
                handle = self.send(request, again=True)
                if number % 50 == 49:
                    handle.wait_for_publish(60)
            next_time = time.monotonic() + 20
            while silent and time.monotonic() < next_time:
                silent = [request for request in silent if len(self.client.payloads[request]) <= told[request]]
                time.sleep(0.02)

    def check_request(self, request):
        payloads, said = self.client.payloads[request], self.client.said(request)
        if not payloads:
            return self.violate(f"{request} has no outcome after it was sent again: {said}")
        self.counts["outcomes"] += 1
        if len(set(payloads)) != 1:
            self.violate(f"{request} has outcomes that differ: {payloads}")
        outcome = json.loads(payloads[0])
        self.counts[outcome["status"] + " " + outcome.get("reason", "")] += 1
        if "text" in outcome and hashlib.sha256(outcome["text"].encode()).hexdigest() != outcome["sha256"]:
            self.violate(f"{request}: the hash does not fit the text")
        statuses = [message.get("status") for message in said if "status" in message]
        if "accepted" in statuses and "rejected" in statuses[statuses.index("accepted"):]:
            self.violate(f"{request} was rejected after it was accepted: {said}")

    def check_lines(self):
        """As often as it was told done, a line was driven; where nobody knows, once or not; else never."""
        driven = collections.Counter(
            line.split()[0] for line in self.device.record.read_text().splitlines() if line.endswith(" active"))
        least, most = collections.Counter(), collections.Counter()
        for request, asked in self.asked.items():
            for payload in self.client.payloads[request][:1]:
                outcome = json.loads(payload)
                if asked.line:
                    done, line = outcome["status"] == "done", asked.line
                else:
                    done, line = any(deed["done"] for deed in outcome.get("actions", [])), "LAMP"
                unknown = outcome.get("reason") == "outcome_unknown"
                least[line] += done
                most[line] += done or unknown
                if unknown and asked.line:
                    read = self.client.outcome_of(f"read-{line}") or self.ask_line(line)
                    if read["result"] is not False:
                        self.violate(f"{request}: outcome_unknown, and {line} is not in its safe state")
        self.counts["actions told done"] += sum(least.values())
        self.counts["lines driven"] += sum(driven.values())
        for line in set(driven) | set(most):
            if not least[line] <= driven[line] <= most[line]:
                self.violate(f"{line} was driven {driven[line]} times; told: {least[line]} to {most[line]}")

    def ask_line(self, line):
        return self.client.ask("gpio", f"read-{line}", {"line": line})

    def rows(self, query):
        connection = sqlite3.connect(f"file:{self.device.state}/journal.db?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def check_journal(self):
        """As SQLite itself reads it, after the last stop: sound, nothing unfinished, nothing undelivered."""
        if self.rows("PRAGMA integrity_check") != [("ok",)]:
            self.violate("the journal fails SQLite's integrity check")
        unfinished = self.rows("SELECT id FROM requests") + self.rows("SELECT id FROM intents")
        if unfinished:
            self.violate(f"the journal holds unfinished requests or intents: {unfinished}")
        told = {row[0] for row in self.rows("SELECT id FROM outcomes")}
        missing = set(self.asked) - told
        if missing:
            self.violate(f"the journal has no outcome of {sorted(missing)}")
