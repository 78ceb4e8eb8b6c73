"""The programs that are compared: how each is told to do a workload, and how its answer is read."""
import contextlib
import json
import os
import pathlib
import subprocess

import process
import workloads

# 18 tokens of Qwen2's vocabulary; about as many of others'. A synthetic vocabulary makes more of it.
TEXT = "The old clock in the hall struck nine, and nobody in the house had heard it."


class JsonBench:
    """llama-bench of llama.cpp or of ik_llama.cpp: an array of tests on standard output, among other lines."""

    def __init__(self, name, folder, model, threads, options, chat, deep):
        self.name, self.folder, self.model, self.threads = name, pathlib.Path(folder), model, threads
        self.options, self.chat, self.deep = options, chat, deep

    def can(self, _):
        return True

    def command(self, name):
        workload = workloads.WORKLOADS[name]
        common = ["-m", self.model, "-t", str(self.threads), *self.options]
        if workload.whole:
            context = workload.context or 256
            return [self.folder / self.chat[0], *common, *self.chat[1:], "-c", str(context), "-n", str(workload.generate),
                    "--temp", "0", "-p", TEXT]
        if workload.sequences > 1:
            return [self.folder / "llama-batched-bench", *common, "-c", "2048", "-b", "2048", "-ub", "512",
                    "-npp", "16", "-ntg", str(workload.generate), "-npl", str(workload.sequences)]
        count = [*self.deep(workload)] if workload.depth else ["-p", str(workload.prompt), "-n", str(workload.generate)]
        return [self.folder / "llama-bench", *common, *count, "-r", "1", "-o", "json"]

    def run(self, name):
        finished = process.run(self.command(name))
        workload = workloads.WORKLOADS[name]
        if workload.whole:
            return workloads.of_process(name, finished)
        if workload.sequences > 1:
            return {workloads.decode_metric(workload): parse_batched_bench(finished.output)}
        return parse_llama_bench(finished.output, workload)


def parse_llama_bench(output, workload):
    """The speeds in llama-bench's JSON: a test that generates nothing is the prefill."""
    start = output.index("[\n")
    tests, _ = json.JSONDecoder().raw_decode(output, start)
    figures = {}
    for test in tests:
        metric = workloads.decode_metric(workload) if test["n_gen"] else workloads.prefill_metric(workload)
        figures[metric] = test["avg_ts"]
    return figures


def parse_batched_bench(output):
    """Tokens a second of all sequences together: the eighth column of its table's last row."""
    rows = [line for line in output.splitlines() if line.startswith("|") and line.strip("| ")[:1].isdigit()]
    if not rows:
        raise ValueError("llama-batched-bench printed no table")
    return float(rows[-1].strip("|").split("|")[7])


class Linnet:
    name = "linnet"

    def __init__(self, program, packed, threads, options):
        self.program, self.packed, self.threads, self.options = program, packed, threads, options

    def can(self, _):
        return True

    def command(self, name):
        workload = workloads.WORKLOADS[name]
        common = ["-m", self.packed, "-t", str(self.threads), "--device", "cpu", *self.options]
        if workload.whole:
            return [self.program, "run", *common, "--raw", "--temp", "0", "-n", str(workload.generate), "-p", TEXT,
                    "-c", str(workload.context or 256)]
        return [self.program, "bench", *common, "-p", str(workload.prompt or 16), "-n", str(workload.generate or 1),
                "-d", str(workload.depth), "-b", str(workload.sequences), "-r", "1", "--json"]

    def run(self, name):
        finished = process.run(self.command(name))
        workload = workloads.WORKLOADS[name]
        return workloads.of_process(name, finished) if workload.whole else parse_linnet_bench(finished.output, workload)


def parse_linnet_bench(output, workload):
    report = json.loads(output[output.index("{"):])
    figures = {}
    if workload.prompt:
        figures[workloads.prefill_metric(workload)] = report["prefill_tokens_per_second"]
    if workload.generate:
        figures[workloads.decode_metric(workload)] = report["decode_tokens_per_second"]
    for key, metric, measured in (
            ("read_bandwidth_gb_s", "read bandwidth", True), ("int8_peak_gop_s", "int8 peak", True),
            ("decode_fraction_of_bandwidth", "decode of the read bandwidth", workload.generate),
            ("prefill_fraction_of_peak", "prefill of the int8 peak", workload.prompt)):
        if measured and report.get(key) is not None:
            figures[metric] = report[key]
    return figures


class Resident:
    """A process that stays: loading takes it longer than all that is measured. It sleeps between its turns."""

    def __init__(self, name, script, python, model, threads, reads_text=True, **environment):
        self.name, self.reads_text, self.environment = name, reads_text, {**os.environ, **environment}
        self.command = [python, str(pathlib.Path(__file__).with_name(script)), model, str(threads), TEXT]
        self.child = None

    def can(self, name):
        workload = workloads.WORKLOADS[name]
        return workload.depth == 0 and (self.reads_text or not workload.whole)  # It tells no prefill of the depth from the rest.

    def run(self, name):
        workload = workloads.WORKLOADS[name]
        if workload.whole:
            return workloads.of_process(name, process.run([*self.command, "--once", str(workload.generate)], self.environment))
        if self.child is None:
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment)
        print(workload.prompt or 16, workload.generate or 1, workload.sequences, file=self.child.stdin, flush=True)
        return parse_resident(self.child.stdout.readline(), workload)

    def close(self):
        if self.child is not None:
            self.child.stdin.close()
            self.child.wait()


def parse_resident(line, workload):
    report = json.loads(line)
    figures = {}
    if workload.prompt:
        figures[workloads.prefill_metric(workload)] = report["prefill_tokens_per_second"]
    if workload.generate:
        figures[workloads.decode_metric(workload)] = report["decode_tokens_per_second"]
    return figures


def openvino_settings(arguments):
    """As it chooses by itself, and (--openvino-f32) as it computes where a processor has no AMX, as small ones have none."""
    if arguments.openvino:
        yield "", {}
    if arguments.openvino and arguments.openvino_f32:
        yield " f32", {"OPENVINO_PEER_PRECISION": "f32", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}


@contextlib.contextmanager
def assemble(arguments, packed):
    """The programs that the command line names, Linnet first."""
    threads, model = arguments.threads, arguments.model
    cache = ["-ctk", "q8_0", "-ctv", "q8_0"] if arguments.int8_cache else []
    programs = [Linnet(arguments.linnet, packed, threads, ["--kv-cache", "q8"] if cache else [])]
    if arguments.llama_cpp:
        programs.append(JsonBench("llama.cpp", arguments.llama_cpp, model, threads, [*cache, "-fa", "on"] if cache else [],
                                  ["llama-completion", "-no-cnv", "--ignore-eos", "--no-warmup"],
                                  lambda w: ["-p", "0", "-n", str(w.generate), "-d", str(w.depth)]))
    for suffix, repack in (("", []), (" -rtr", ["-rtr", "1"])) if arguments.ik else ():
        programs.append(IkBench("ik" + suffix, arguments.ik, model, threads, cache, repack))
    for suffix, environment in openvino_settings(arguments):
        programs.append(Resident("openvino" + suffix, "openvino_peer.py", arguments.openvino, arguments.openvino_model or model,
                                 threads, reads_text=not arguments.openvino_model, **environment))
    if arguments.onnxruntime:
        python, folder = arguments.onnxruntime
        programs.append(Resident("onnxruntime", "onnxruntime_peer.py", python, folder, threads))
    try:
        yield programs
    finally:
        for program in programs:
            if isinstance(program, Resident):
                program.close()


class IkBench(JsonBench):
    """ik_llama.cpp's llama-bench takes numbers where its other programs take words alone."""

    def __init__(self, name, folder, model, threads, options, repack):
        super().__init__(name, folder, model, threads, options, ["llama-cli", "--ignore-eos", "--no-warmup"],
                         lambda w: ["-p", "0", "-n", "0", "-gp", f"{w.depth},{w.generate}"])
        self.repack = repack

    def command(self, name):
        command = super().command(name)
        if command[0].name == "llama-bench":
            return [*command, "-fa", "1", *self.repack]
        return [*command, "-fa", "on", *self.repack[:1]]
