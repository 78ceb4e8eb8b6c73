"""What the peers that stay loaded have in common: PEER.py MODEL THREADS TEXT [--once N].

Each line of standard input, "PROMPT GENERATE SEQUENCES" (tokens), is answered by a line of JSON. With --once, generates N
tokens after TEXT and ends.
"""
import json
import sys
import time

import numpy as np


def draw_prompts(random, prompt, sequences):
    """Drawn anew each time: a pipeline would find a known one in its cache. For vocabularies of 100,000 tokens and more."""
    return random.integers(300, 100000, (sequences, prompt))


def speeds(prompt, generate, sequences, prefill, seconds):
    """`prefill` is the time to the first token, `seconds` that of it and `generate` more."""
    return {"prefill_tokens_per_second": prompt * sequences / prefill,
            "decode_tokens_per_second": generate * sequences / max(seconds - prefill, 1e-9)}


def serve(peer):
    """`peer(model, threads)` makes an object of `complete(text, tokens)` and `measure(prompts, generate)`, which returns the
    seconds to the first token and those to the end."""
    model, threads, text = sys.argv[1:4]
    loaded = peer(model, int(threads))
    if sys.argv[4:5] == ["--once"]:
        loaded.complete(text, int(sys.argv[5]))
        return
    random = np.random.default_rng()
    loaded.measure(draw_prompts(random, 32, 1), 4)  # The first generation of a process warms up.
    for line in sys.stdin:
        prompt, generate, sequences = map(int, line.split())
        times = loaded.measure(draw_prompts(random, prompt, sequences), generate)
        print(json.dumps(speeds(prompt, generate, sequences, *times)), flush=True)


def timed(work):
    started = time.monotonic()
    work()
    return time.monotonic() - started
