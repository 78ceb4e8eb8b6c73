#!/usr/bin/python3
"""What serving costs: linnetd with its clients beside `linnet bench` on the same model, in one interleaved run.

usage: serving.py PROGRAMS MODEL [--rounds N] [--tokens N] [--chat MODEL] [--long N] [--only WORD…]

Prints tables: throughput with 1, 4 and 8 clients, the way from a request to its first token, prompts that begin alike,
a stream while a long prompt comes in. `--chat` names a model with a chat template for `linnet chat`. Needs mosquitto and
paho; MODEL should be packed, so that nothing is packed meanwhile.
"""

import argparse
import json
import os
import pathlib
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Serving:
    """A broker and a daemon on the model, as long as the block lasts."""

    def __init__(self, folder, model, at_once, context):
        self.folder, self.model, self.at_once, self.context = folder, model, at_once, context

    def __enter__(self):
        self.broker = world.Broker(self.folder, settings="allow_anonymous true\nset_tcp_nodelay true\n").start()
        more = f'[models.subject]\npath = "{self.model}"\ncontext = {self.context}\n[engine]\ngovernor = false\nat_once = {self.at_once}\ndefault_model = "subject"\n'
        self.daemon = world.Daemon(self.folder, self.broker.port, more=more).start()
        self.client = world.Client(self.broker.port).ready()
        self.first_chunk = {}
        note = self.client.client.on_message

        def timed(client, data, message):
            if "/rsp/" in message.topic and b'"seq":0' in message.payload:
                self.first_chunk.setdefault(message.topic.rsplit("/", 1)[1], time.monotonic())
            note(client, data, message)

        self.client.client.on_message = timed
        world.wait_until(lambda: "birth" in self.client.states, 30, "the device is there")
        self.end_of(self.send("hello", 4), 120)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.daemon.kill()
        self.broker.kill()

    def send(self, prompt, tokens, **more):
        request = f"r{time.monotonic_ns()}"  # The state outlives a daemon: an id that was there is answered from it.
        args = {"prompt": prompt} if isinstance(prompt, str) else {"messages": prompt}
        self.sent = time.monotonic()
        self.client.send("infer", request, {**args, "model": "subject", "max_tokens": tokens, **more})
        return request

    def end_of(self, request, seconds=600):
        end = world.wait_until(lambda: self.client.outcome_of(request), seconds, f"{request} has an outcome")
        assert end["status"] == "done", end
        return end

    def first_token_ms(self, request, sent):
        return (self.first_chunk[request] - sent) * 1000


class Listener:
    """mosquitto_sub for all clients together: what comes is written to a file, and read when it is over. A client that took
    the same processor's time for each chunk would be measured with the daemon; clients are other machines."""

    def __init__(self, folder, port):
        self.path = pathlib.Path(folder) / "answers"
        self.file = self.path.open("wb")
        words = ["mosquitto_sub", "-V", "5", "-p", str(port), "-t", "linnet/1/lab/dut/rsp/tester/#", "-F", "%p"]
        self.process = subprocess.Popen(words, stdout=self.file)

    def outcomes(self, count, began):
        """Waits until `count` requests sent after `began` bytes of the file have an outcome."""
        def ends():
            time.sleep(0.2)
            lines = self.path.read_bytes()[began:].split(b"\n")[:-1]
            assert not any(b'"status":"rejected"' in line for line in lines), lines
            done = [json.loads(line) for line in lines if b'"status":"done"' in line]
            return done if len(done) == count else None

        return world.wait_until(ends, 300, "every request has its outcome")

    def size(self):
        return self.path.stat().st_size

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.file.close()


def bench(model, batch, tokens):
    words = [world.LINNET, "bench", "-m", model, "-p", "16", "-n", str(tokens), "-r", "1", "--no-limits", "--batch", str(batch), "--device", "cpu", "--json"]
    return json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)["decode_tokens_per_second"]


def decode_rate(end):
    return (end["tokens"] - 1) * 1000 / (end["timings"]["total_ms"] - end["timings"]["first_token_ms"])


def throughput(folder, options):
    """The sum of what clients that began together get, a ratio to the engine's batch; medians of the rounds."""
    print("\n| clients | tokens/s of `linnet bench --batch` | of linnetd | ratio | with the prompts' time |\n|---|---|---|---|---|")
    rows = {clients: [] for clients in (1, 4, 8)}
    with Serving(folder, options.model, 8, options.tokens + 64) as serving:  # Idle while `linnet bench` runs.
        serving.client.close()
        listener = Listener(folder, serving.broker.port)
        sender = world.Client(serving.broker.port, listens=False).ready()
        for turn in range(options.rounds):
            for clients, row in rows.items():
                alone = bench(options.model, clients, options.tokens)
                heard, began = listener.size(), time.monotonic()
                for number in range(clients):
                    sender.send("infer", f"{turn}.{clients}.{number}", {"prompt": f"{turn}.{number} greets", "model": "subject", "max_tokens": options.tokens})
                ends = listener.outcomes(clients, heard)
                whole = sum(end["tokens"] for end in ends) / (time.monotonic() - began)
                row.append((alone, sum(map(decode_rate, ends)), whole))
        listener.close()
        sender.close()
    for clients, row in rows.items():
        alone, served, whole = (statistics.median(column) for column in zip(*row))
        ratios = sorted(served / alone for alone, served, _ in row)
        print(f"| {clients} | {alone:.1f} | {served:.1f} | {statistics.median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {whole / alone:.3f} |", flush=True)


def overhead(folder, options):
    """From publishing to the first token at the client, without what the engine's thread says it took."""
    ways, engine = [], []
    with Serving(folder, options.model, 1, 512) as serving:
        for number in range(options.requests):
            request = serving.send(f"{number} is the number", 2)
            sent = serving.sent
            end = serving.end_of(request)
            engine.append(end["timings"]["first_token_ms"])
            ways.append(serving.first_token_ms(request, sent) - engine[-1])
            time.sleep(0.02)
    print(f"\nto the first token, {len(ways)} requests: the engine p50 {percentile(engine, 0.5):.1f} ms; the rest of the way p50 "
          f"{percentile(ways, 0.5):.1f} ms, p99 {percentile(ways, 0.99):.1f} ms", flush=True)


def words_of(model, tokens):
    """A text of about so many tokens of the model."""
    text = " ".join(f"rule {number} of the house" for number in range(tokens))
    begin = text[:20000]
    ids = subprocess.run([world.LINNET, "tokenize", "-m", model, "--text", begin], capture_output=True, check=True, text=True).stdout.split()
    return text[:len(begin) * tokens // len(ids)]


def prefix(folder, options):
    """A system prompt of 500 tokens that everybody shares."""
    system = words_of(options.model, 500)
    times, reused = [], []
    with Serving(folder, options.model, 4, 1024) as serving:
        for number in range(8):
            request = serving.send([{"role": "system", "content": system}, {"role": "user", "content": f" {number} asks for bread"}], 4)
            times.append(serving.end_of(request)["timings"]["first_token_ms"])
        time.sleep(2.5)  # Figures are of the last whole period.
        figures = serving.client.ask("status", "after")["result"]["figures"]
    print(f"\na shared system prompt of 500 tokens: first token {times[0]:.0f} ms, later ones {statistics.median(times[1:]):.0f} ms: "
          f"{times[0] / statistics.median(times[1:]):.1f} times sooner; {figures['prefix_hits']:.0f} hits, {figures['prefix_tokens']:.0f} tokens", flush=True)


def stream(folder, options):
    """The time between tokens of a running stream, alone and while a long prompt comes in; and a short request then."""
    long_prompt = words_of(options.model, options.long)
    ratios, shorts = [], []
    with Serving(folder, options.model, 3, options.long + 600) as serving:
        for turn in range(options.rounds):
            alone = decode_rate(serving.end_of(serving.send(f"{turn} alone", options.tokens)))
            running = serving.send(f"{turn} running", options.tokens)
            world.wait_until(lambda: running in serving.first_chunk, 60, "it runs")
            long_one = serving.send(f"{turn} {long_prompt}", 1)
            ratios.append(alone / decode_rate(serving.end_of(running)))
            inside = serving.client.outcome_of(long_one) is None
            if inside:
                short = serving.send(f"{turn} short", 2)
                shorts.append(serving.end_of(short)["timings"]["first_token_ms"])
            end = serving.end_of(long_one)
            print(f"  stream slowed {ratios[-1]:.2f} times {'' if inside else '(the prompt was shorter) '}while {end['prompt_tokens']} tokens came in, in {end['timings']['first_token_ms'] / 1000:.1f} s")
    print(f"time between tokens of a stream while a prompt of {options.long} tokens comes in: {statistics.median(ratios):.2f} times, at most {max(ratios):.2f}; "
          f"a short request then has its first token after {statistics.median(shorts):.0f} ms" if shorts else "the prompt was over too soon", flush=True)


def chat(folder, options):
    """Later turns of `linnet chat` compute their own tokens alone."""
    if not options.chat:
        return
    system = words_of(options.chat, 500)
    words = [world.LINNET, "chat", "-m", options.chat, "--system", system, "-n", "24", "--temp", "0", "--ctx", "2048", "--device", "cpu"]
    times = []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        time.sleep(2)
        for turn in range(6):
            began = time.monotonic()
            process.stdin.write(f"What is {turn} and {turn}?\n".encode())
            process.stdin.flush()
            os.read(process.stdout.fileno(), 1)
            times.append((time.monotonic() - began) * 1000)
            while select.select([process.stdout], [], [], 1.5)[0] and os.read(process.stdout.fileno(), 65536):
                pass
        process.stdin.close()
    print(f"\nlinnet chat, 500 tokens of system prompt: first words after {', '.join(f'{ms:.0f}' for ms in times)} ms by turns: later ones "
          f"{times[0] / statistics.median(times[1:]):.1f} times sooner", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("programs", type=pathlib.Path)
    arguments.add_argument("model", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--tokens", type=int, default=128)
    arguments.add_argument("--requests", type=int, default=200)
    arguments.add_argument("--long", type=int, default=4000)
    arguments.add_argument("--chat", type=pathlib.Path)
    arguments.add_argument("--only", nargs="*", default=[])
    options = arguments.parse_args()
    os.environ.update(LINNET_SOURCE=str(SOURCE), LINNET_BIN=str(options.programs / "linnet"), LINNETD_BIN=str(options.programs / "linnetd"))
    sys.path.insert(0, str(SOURCE / "tests/system"))
    global world
    import world
    name = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{name[1] if name else 'unknown processor'}, {os.cpu_count()} cores, {options.model.name}, load {os.getloadavg()[0]:.1f}")
    for part in (throughput, overhead, prefix, stream, chat):
        if options.only and part.__name__ not in options.only:
            continue
        with tempfile.TemporaryDirectory(prefix="linnet-serving-") as folder:
            part(folder, options)


if __name__ == "__main__":
    main()
