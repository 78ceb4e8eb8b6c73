"""What the programs are asked to do, and the figures that come of it."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    prompt: int = 0     # Tokens prefilled, and measured.
    generate: int = 0   # Tokens decoded a sequence, and measured.
    depth: int = 0      # Positions in the context before that.
    sequences: int = 1  # Decoded together.
    whole: bool = False  # The whole process is measured, from its start on, instead of what it says of itself.
    context: int = 0    # Positions planned for; 0: as many as are needed.


WORKLOADS = {
    "prompt": Workload(prompt=512, generate=64),
    "long": Workload(prompt=2048),
    "deep": Workload(generate=32, depth=4096),
    "together-8": Workload(generate=32, sequences=8),
    "together-16": Workload(generate=32, sequences=16),
    "start": Workload(prompt=18, generate=1, whole=True),
    "memory": Workload(prompt=18, generate=128, whole=True, context=2048),
}


@dataclasses.dataclass(frozen=True)
class Metric:
    unit: str
    more_is_better: bool = True


METRICS = {
    "prefill 512": Metric("tokens/s"),
    "decode 64": Metric("tokens/s"),
    "prefill 2048": Metric("tokens/s"),
    "decode at depth 4096": Metric("tokens/s"),
    "8 sequences together": Metric("tokens/s"),
    "16 sequences together": Metric("tokens/s"),
    "start to end of one token": Metric("s", more_is_better=False),
    "peak resident memory": Metric("MB", more_is_better=False),
    "peak anonymous memory": Metric("MB", more_is_better=False),
    "read bandwidth": Metric("GB/s"),
    "int8 peak": Metric("Gop/s"),
    "decode of the read bandwidth": Metric("share"),
    "prefill of the int8 peak": Metric("share"),
}


def prefill_metric(workload):
    return f"prefill {workload.prompt}"


def decode_metric(workload):
    if workload.sequences > 1:
        return f"{workload.sequences} sequences together"
    return f"decode at depth {workload.depth}" if workload.depth else f"decode {workload.generate}"


def of_process(name, finished):
    """The figures of a whole process, of which `finished` tells the time and the memory."""
    if name == "start":
        return {"start to end of one token": finished.seconds}
    return {"peak resident memory": finished.resident_bytes, "peak anonymous memory": finished.anonymous_bytes}
