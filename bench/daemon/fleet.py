#!/usr/bin/python3
"""A fleet of light nodes on one mosquitto: what they cost it, how soon they are back after it restarts, how soon a death is told.

usage: fleet.py [--nodes 1000] [--seconds 60] [--period 10] [--processes 4] [--delay 10]

Each node does what linnetd does on the broker, without the engine: a persistent session, a will (told `--delay` seconds after
a node is gone), a retained birth, a subscription to its requests, figures of 1 KiB each `--period` seconds with QoS 1. It
comes back after a lost connection as linnetd does, after a pause that doubles from half a second to 30 and is drawn at random.
One watcher subscribes to them all, as a dashboard would. Prints a table. Needs mosquitto and paho.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import random
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
FIGURES = {f"figure_{number}": number * 1.25 for number in range(45)}  # About 1 KiB as JSON.


class Node:
    """Driven by its process's loop: paho's own thread for each would cost more than the node."""

    def __init__(self, name, port, delay, period):
        self.name, self.port, self.period = name, port, period
        self.base = f"linnet/1/fleet/{name}"
        self.pause, self.next_try, self.next_figures = 0.5, time.monotonic() + random.uniform(0, 1), 0
        self.client = paho.Client(name, protocol=paho.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        will = Properties(PacketTypes.WILLMESSAGE)
        will.WillDelayInterval = delay
        self.client.will_set(f"{self.base}/avail", b"offline", qos=1, retain=True, properties=will)
        self.connect_properties = Properties(PacketTypes.CONNECT)
        self.connect_properties.SessionExpiryInterval = 3600

    def _on_connect(self, client, _data, _flags, reason, _properties):
        if reason != 0:
            return
        self.pause = 0.5
        self.next_figures = time.monotonic() + random.uniform(0, self.period)
        client.subscribe(f"{self.base}/req/+/+", qos=1)
        client.publish(f"{self.base}/avail", b"online", qos=1, retain=True)
        client.publish(f"{self.base}/birth", json.dumps({"node": self.name}), qos=1, retain=True)

    def _on_disconnect(self, *_):
        self.next_try = time.monotonic() + random.uniform(0, self.pause)
        self.pause = min(30, 2 * self.pause)

    def tend(self, now):
        if self.client.socket() is None:
            if now >= self.next_try:
                self._connect()
            return
        self.client.loop_misc()
        if self.next_figures and now >= self.next_figures and self.client.is_connected():
            self.next_figures = now + self.period
            self.client.publish(f"{self.base}/metrics/all", json.dumps({"at": time.time(), **FIGURES}), qos=1)

    def _connect(self):
        try:
            self.client.connect("127.0.0.1", self.port, keepalive=30, clean_start=False, properties=self.connect_properties)
        except OSError:
            self._on_disconnect()


def drive(first, count, port, delay, period):
    """One process: `count` nodes on one epoll. SIGUSR1: a tenth of them is cut off and stays away."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    nodes = [Node(f"n{first + number}", port, delay, period) for number in range(count)]
    cut_off = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: cut_off.set())
    next_round = 0
    while True:
        now = time.monotonic()
        if cut_off.is_set():
            cut_off.clear()
            for node in nodes[: count // 10]:
                node.client.socket().shutdown(socket.SHUT_RDWR)
                node.client.socket().close()
            del nodes[: count // 10]
        if now >= next_round:
            next_round = now + 0.2
            for node in nodes:
                node.tend(now)
        poll = select.poll()
        by_descriptor = {}
        for node in nodes:
            if (line := node.client.socket()) is not None:
                by_descriptor[line.fileno()] = node
                poll.register(line, select.POLLIN | (select.POLLOUT if node.client.want_write() else 0))
        for descriptor, events in poll.poll(100):
            node = by_descriptor[descriptor]
            if events & ~select.POLLOUT:
                node.client.loop_read()
            if events & select.POLLOUT and node.client.socket() is not None:
                node.client.loop_write()


class Watcher:
    """What a dashboard sees."""

    def __init__(self, port):
        self.online, self.offline_at, self.delays = set(), {}, []
        self.client = paho.Client("watcher", protocol=paho.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe([("linnet/1/fleet/+/avail", 1), ("linnet/1/fleet/+/metrics/all", 0)])
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(0.1, 1)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _on_message(self, _client, _data, message):
        node = message.topic.split("/")[3]
        if message.topic.endswith("/all"):
            self.delays.append(time.time() - json.loads(message.payload)["at"])
        elif message.payload == b"online":
            self.online.add(node)
        else:
            self.online.discard(node)
            self.offline_at[node] = time.monotonic()


def start_broker(folder, port):
    configuration = pathlib.Path(folder) / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 10000\n"
                             f"persistence true\npersistence_location {folder}/\nlog_type error\n")
    return subprocess.Popen([MOSQUITTO, "-c", configuration])


def cost(process):
    """(processor seconds, resident MiB)"""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def seconds_until(condition, most):
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > most:
            raise SystemExit(f"not within {most} s")
        time.sleep(0.02)
    return time.monotonic() - began


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(options, port, broker, folder, drivers, watcher):
    nodes = options.nodes
    yield "all of them connected", f"{seconds_until(lambda: len(watcher.online) == nodes, 300):.1f} s after the first"
    watcher.delays.clear()
    before = cost(broker)
    time.sleep(options.seconds)
    used, resident = cost(broker)
    delays = list(watcher.delays)
    yield "figures", f"{len(delays) / options.seconds:.0f} messages a second"
    yield "from a node to the watcher", f"p50 {statistics.median(delays) * 1000:.1f} ms, p99 {percentile(delays, 0.99) * 1000:.0f} ms"
    yield "mosquitto", f"{100 * (used - before[0]) / options.seconds:.1f} % of a core, {resident:.1f} MiB resident"
    watcher.online.clear()
    broker.kill()
    broker.wait()
    time.sleep(1)
    again = start_broker(folder, port)
    yield "mosquitto killed and started again: all are back", f"{seconds_until(lambda: len(watcher.online) == nodes, 300):.1f} s after its start"
    watcher.offline_at.clear()
    cut = time.monotonic()
    for driver in drivers:
        os.kill(driver.pid, signal.SIGUSR1)
    dead = sum(driver.share // 10 for driver in drivers)
    seconds_until(lambda: len(watcher.offline_at) >= dead, 120)
    yield f"{dead} nodes cut off at once: the last will is told", f"{max(watcher.offline_at.values()) - cut:.1f} s after ({options.delay} s of delay)"
    again.kill()
    again.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="of steady telemetry")
    parser.add_argument("--period", type=float, default=10, help="seconds between a node's figures")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--delay", type=int, default=10, help="of the wills, in seconds")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    drivers = []
    with tempfile.TemporaryDirectory() as folder:
        broker = start_broker(folder, port)
        try:
            time.sleep(0.5)
            watcher = Watcher(port)
            share = options.nodes // options.processes
            options.nodes = share * options.processes
            for number in range(options.processes):
                driver = multiprocessing.Process(target=drive, args=(number * share, share, port, options.delay, options.period), daemon=True)
                driver.share = share
                driver.start()
                drivers.append(driver)
            print(f"{options.nodes} nodes, load {os.getloadavg()[0]:.1f}\n\n| what | figure |\n|---|---|")
            for what, figure in measure(options, port, broker, folder, drivers, watcher):
                print(f"| {what} | {figure} |", flush=True)
        finally:
            for driver in drivers:
                driver.kill()
            subprocess.run(["pkill", "-f", f"{folder}/mosquitto.conf"], check=False)


if __name__ == "__main__":
    main()
