#!/usr/bin/python3
"""From a fresh board to a running service, in a virtual machine: `make vm-check`.

usage: vm_check.py FOLDER-OF-DEBS WORK-FOLDER

The guest boots Debian 12 with systemd, installs our packages with dpkg and runs linnetd as its unit says; the requester is
this program, outside, with the books of tests/system: what it asked, the bytes that it was told, and what the guest's
console says of its (simulated, real to the kernel) GPIO lines. The power is cut in the middle of requests, of actions and
of a model's load.
"""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
os.environ.setdefault("LINNET_SOURCE", str(SOURCE))
os.environ.setdefault("LINNET_BIN", "linnet")  # The guest has it; world asks for the name alone.
sys.path.insert(0, str(SOURCE / "tests/system"))

import machine  # noqa: E402
import world  # noqa: E402

LINES = 30
OBEYED = "can you turn my bedroom lights off"
SENTENCES = [json.loads(line)["text"] for line in (SOURCE / "models/pilot/demo.jsonl").read_text().splitlines()]
READY_SECONDS = 120  # Of an emulated processor that shares its host; the real limit is asserted by tests/system.
LAMP, DOOR, FIRST = 0, 1, 2  # Places of the lines on the chip.

CONFIGURATION = """
[device]
group = "lab"
node = "dut"
[mqtt]
host = "127.0.0.1"
[telemetry]
period_s = 1
[queue]
waiting = 1000
waiting_per_client = 1000
requests_per_second = 10000
burst = 10000
[models.pilot]
path = "/usr/share/linnet/models/pilot-int4.gguf"
load_at_start = true
[roles]
tester = "root"
[lines.LAMP]
remote = true
[lines.DOOR]
direction = "input"
remote = true
[[rules]]
name = "bedroom lights off"
when = { intent = "iot_hue_lightoff", "slots.house_place" = "bedroom" }
line = "LAMP"
active = true
""" + "".join(f"[lines.L{number}]\nremote = true\n" for number in range(LINES))


class Check:
    """The guest, the requester outside, and what was seen to be wrong."""

    def __init__(self, folder):
        self.random = random.Random(11)
        self.port = world.free_port()
        self.guest = machine.Machine(folder, self.port, folder / "console.log")
        self.client = None
        self.asked, self.wrong, self.told_before = {}, [], {}
        self.asked_status = 0

    def close(self):
        if self.client:
            self.client.close()
        self.guest.close()

    def expect(self, holds, what):
        print(f"  {'ok' if holds else 'WRONG'}  {what}", flush=True)
        if not holds:
            self.wrong.append(what)

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    # Steps.

    def boot(self):
        self.say(f"booted after {self.guest.boot():.0f} s")

    def connect(self):
        self.client = world.Client(self.port, clean=False).ready(60)

    def await_ready(self):
        """Until linnetd answers `status`; what it answered."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.asked_status += 1
            request = f"ready-{self.asked_status}"
            self.client.send("status", request)
            answered = time.monotonic() + 2
            while time.monotonic() < answered:
                if outcome := self.client.outcome_of(request):
                    return outcome["result"]
                time.sleep(0.02)
        state = self.guest.run("systemctl status linnetd; journalctl -u linnetd -n 30 --no-pager")[1]
        raise AssertionError(f"linnetd does not answer:\n{state}")

    def line(self, place):
        """What the simulated chip sees on a line."""
        folder = ("/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/board/dev_name)"
                  "/$(cat /sys/kernel/config/gpio-sim/board/bank/chip_name)")
        return self.guest.check(f"cat {folder}/sim_gpio{place}/value") == "1"

    def install(self):
        self.guest.check("dpkg -i /packages/*.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }", 300)
        state = self.guest.run("systemctl is-active linnetd")[1]
        self.expect(state == "inactive", f"installed and not configured, it does not run: {state}")
        place = "/etc/linnet/conf.d/device.toml"
        for piece in range(0, len(CONFIGURATION), 512):  # A serial port's buffer is small.
            text = CONFIGURATION[piece:piece + 512].replace("'", "'\\''")
            self.guest.check(f"printf %s '{text}' {'>>' if piece else '>'}{place}")
        self.guest.check("adduser linnet gpio >/dev/null || usermod -aG gpio linnet")
        self.guest.check("udevadm trigger --subsystem-match=gpio && udevadm settle")
        self.expect(self.guest.run("linnetd --check")[0] == 0, "linnetd --check takes the configuration")
        self.guest.check("systemctl enable --now linnetd", READY_SECONDS)

    def obey(self):
        outcome = self.client.ask("infer", "sentence", {"prompt": OBEYED}, 60)
        self.expect(outcome["status"] == "done" and outcome["actions"][0]["done"], f"a sentence is answered: {outcome['text']}")
        self.expect(self.line(LAMP), "and drives LAMP, as the simulated chip sees it")
        outcome = self.client.ask("gpio", "lamp-off", {"line": "LAMP", "active": False})
        self.expect(outcome["status"] == "done" and not self.line(LAMP), "a command drives it back")
        pull = "/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio1/pull"
        for direction, active in (("up", True), ("down", False)):
            self.guest.check(f"echo pull-{direction} >$(echo {pull})")
            outcome = self.client.ask("gpio", f"door-{direction}", {"line": "DOOR"})
            self.expect(outcome.get("result") is active, f"an input that is pulled {direction} reads {active}")

    def judge_sandbox(self):
        said = self.guest.check("systemd-analyze security linnetd --no-pager | tail -n 1", 120)
        level = re.search(r"linnetd.service: ([0-9.]+)", said)
        self.expect(level and float(level[1]) <= 2.0, f"systemd judges the unit's exposure as {level and level[1]}, 2.0 at most")
        status = self.guest.check("cat /proc/$(systemctl show -P MainPID linnetd)/status")
        for field, value in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0000000000000000"), ("CapBnd", "0000000000000000")):
            self.expect(re.search(rf"^{field}:\s+{value}$", status, re.MULTILINE), f"{field} is {value}")
        profile = self.guest.check("tr -d '\\0' </proc/$(systemctl show -P MainPID linnetd)/attr/current")
        self.expect(profile == "linnetd (enforce)", f"AppArmor holds it: {profile}")
        maps = self.guest.check("cut -d' ' -f2 /proc/$(systemctl show -P MainPID linnetd)/maps | sort -u")
        self.expect(not [rights for rights in maps.split() if "w" in rights and "x" in rights], "no memory is writable and executable")
        user = self.guest.check("stat -c %U /proc/$(systemctl show -P MainPID linnetd)")
        self.expect(user == "linnet", f"it runs as {user}")
        self.expect("linnetd" not in self.guest.check("ss -Hltnup"), "it opens no port")

    def judge_denials(self):
        """What AppArmor kept from it since this boot: nothing that the product needs was forgotten in the profile."""
        denied = self.guest.run("journalctl -k --no-pager | grep 'apparmor=\"DENIED\"' | grep -o 'profile=.*' | sort -u")[1]
        self.expect(not denied, f"AppArmor had nothing to deny {denied}")

    def limit_memory(self):
        limit = 400 << 20
        self.guest.check(f"systemctl set-property --runtime linnetd MemoryMax={limit} && systemctl restart linnetd", READY_SECONDS)
        figures = self.await_ready()["figures"]
        time.sleep(2)
        figures = self.await_ready()["figures"]
        self.expect(figures.get("cgroup_limit_bytes") == limit, f"the limit of its control group is seen: {figures.get('cgroup_limit_bytes')}")
        self.expect(0 < figures.get("cgroup_usage_bytes", 0) < limit, f"and what it uses of it: {figures.get('cgroup_usage_bytes')}")

    def worsen_network(self):
        self.guest.check("tc qdisc add dev lo root netem delay 200ms loss 10%")
        began = time.monotonic()
        for number in range(5):
            outcome = self.client.ask("infer", f"slow-{number}", {"prompt": SENTENCES[number]}, 120)
            self.expect(outcome["status"] == "done", f"answered over 200 ms delay and 10 % loss, {time.monotonic() - began:.0f} s")
        self.guest.check("tc qdisc del dev lo root")

    # Power.

    def send_some(self, count):
        for _ in range(count):
            number = len(self.asked)
            request, durable = f"r{number}", self.random.random() < 0.5
            if number % 3 == 2 and number // 3 < LINES:
                operation, args = "gpio", {"line": f"L{number // 3}", "active": True}
            else:
                operation, args = "infer", {"prompt": self.random.choice(SENTENCES)}
            self.asked[request] = (operation, args, durable)
            self.client.send(operation, request, args, durable=durable)

    def cut_amid_requests(self, name, count, wanted):
        """Once `wanted` of `count` new requests are accepted, whatever the others are at."""
        before = sum(self.client.accepted(request) for request in self.asked)
        self.send_some(count)
        world.wait_until(lambda: sum(self.client.accepted(request) for request in self.asked) >= before + wanted, 60, f"{wanted} accepted")
        self.cut(name)

    def cut_amid_load(self):
        self.guest.run("systemctl restart --no-block linnetd")
        time.sleep(self.random.uniform(0.1, 1.0))
        self.cut("amid a load of the model")

    def cut(self, name):
        self.guest.cut_power()
        accepted = sum(self.client.accepted(request) for request in self.asked)
        ended = sum(bool(self.client.payloads[request]) for request in self.asked)
        self.say(f"power cut {name}: {len(self.asked)} asked, {accepted} accepted, {ended} with an outcome")
        self.boot()
        assert self.client.connected.wait(60), "the requester is not back"
        self.await_ready()

    def settle(self):
        """Everything is asked again; each request has its one outcome, each line was driven at most once."""
        accepted = [request for request in self.asked if self.client.accepted(request)]
        told = {request: len(self.client.payloads[request]) for request in self.asked}
        for request, (operation, args, durable) in self.asked.items():
            self.client.send(operation, request, args, durable=durable)
        end = time.monotonic() + 180
        for request, before in told.items():
            while time.monotonic() < end and len(self.client.payloads[request]) <= before:
                time.sleep(0.02)
        without = [request for request in self.asked if not self.client.payloads[request]]
        self.expect(not without, f"each of {len(self.asked)} requests has an outcome ({len(accepted)} were accepted before) {without or ''}")
        differ = [request for request in self.asked if len(set(self.client.payloads[request])) > 1]
        self.expect(not differ, f"and only one, the same bytes each time {differ or ''}")
        time.sleep(1)
        self.judge_lines()

    def judge_lines(self):
        """A line that was driven stays so until the power is cut: seen active in two boots, it was driven twice."""
        twice, unseen = [], []
        for request, (operation, args, _) in self.asked.items():
            if operation != "gpio":
                continue
            line = int(args["line"][1:])
            seen = sum(FIRST + line in boot for boot in self.guest.lines_seen)
            done = json.loads(self.client.payloads[request][0])["status"] == "done"
            if seen > 1 or (seen and not done and "outcome_unknown" not in str(self.client.payloads[request][0])):
                twice.append(args["line"])
            if done and not seen:
                unseen.append(args["line"])
        driven = sum(place >= FIRST for boot in self.guest.lines_seen for place in boot)
        self.expect(not twice, f"no line was driven twice or against its outcome; {driven} were driven {twice or ''}")
        # The console tells of a line up to 0.1 s late: the last before a cut may be missing.
        self.expect(len(unseen) <= len(self.guest.lines_seen), f"what was told done was seen {unseen or ''}")

    def stop(self):
        self.judge_denials()
        self.guest.check("systemctl stop linnetd", 60)
        result = self.guest.check("systemctl show -P Result linnetd")
        self.expect(result == "success", f"it stops cleanly: {result}")
        self.guest.check("dpkg -P linnetd >/tmp/dpkg.log 2>&1", 120)
        left = self.guest.run("ls -d /lib/systemd/system/linnetd* /usr/lib/systemd/system/linnetd* /var/lib/linnet /usr/sbin/linnetd 2>/dev/null")[1]
        self.expect(not left, f"purged, neither the unit nor its state is left {left}")
        self.guest.power_off()
        self.say("powered off")


def check_all(check):
    check.boot()
    check.install()
    check.connect()
    status = check.await_ready()
    check.expect(status["journal"] == "disk" and status["model"]["state"] == "ready", "the service is ready, its journal on the disk")
    check.obey()
    check.judge_sandbox()
    check.limit_memory()
    check.worsen_network()
    check.judge_denials()
    check.cut_amid_requests("amid the first requests", 9, 1)
    check.cut_amid_requests("amid requests and actions", 30, 15)
    check.cut_amid_load()
    check.cut_amid_requests("amid a full queue", 45, 40)
    check.settle()
    check.stop()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    debs, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    subprocess.run([HERE / "make-machine.sh", debs, folder], check=True)
    began = time.monotonic()
    check = Check(folder)
    try:
        check_all(check)
    except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as failure:
        check.wrong.append(str(failure))
        print(f"vm-check: {failure}")
    finally:
        check.close()
    print(f"vm-check: {'failed: ' + '; '.join(check.wrong) if check.wrong else 'all as it should be'}, "
          f"{check.guest.boots} boots, {time.monotonic() - began:.0f} s")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
