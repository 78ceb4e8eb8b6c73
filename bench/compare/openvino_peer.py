"""Runs OpenVINO GenAI for compare.py, by an interpreter that has it: openvino_peer.py MODEL THREADS TEXT [--once N].

Each line of standard input, "PROMPT GENERATE SEQUENCES" (tokens), is answered by a line of JSON. With --once, generates N
tokens after TEXT and ends. Prompts are drawn anew each time: the pipeline would find a known one in its cache.
"""
import json
import sys
import time

import numpy as np
import openvino
import openvino_genai as genai


def settings(count):
    config = genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample = count, True, False
    return config


def inputs(random, prompt, sequences):
    ids = random.integers(300, 100000, (sequences, prompt)).astype(np.int64)
    return genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))


def measure(pipeline, random, prompt, generate, sequences):
    """Generating one token is the prefill; the time of `generate` more beyond that is the decoding."""
    started = time.monotonic()
    metrics = pipeline.generate(inputs(random, prompt, sequences), settings(generate + 1)).perf_metrics
    seconds = time.monotonic() - started
    prefill = metrics.get_ttft().mean / 1e3
    return {"prefill_tokens_per_second": prompt * sequences / prefill,
            "decode_tokens_per_second": generate * sequences / max(seconds - prefill, 1e-9)}


def main():
    model, threads, text = sys.argv[1:4]
    pipeline = genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=int(threads))
    if sys.argv[4:5] == ["--once"]:
        pipeline.generate(text, settings(int(sys.argv[5])))
        return
    random = np.random.default_rng()
    pipeline.generate(inputs(random, 32, 1), settings(4))  # The first generation of a process warms up.
    for line in sys.stdin:
        print(json.dumps(measure(pipeline, random, *map(int, line.split()))), flush=True)


if __name__ == "__main__":
    main()
