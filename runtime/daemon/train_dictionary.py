#!/usr/bin/python3
"""Trains message_dictionary.inc on outcomes and figures as linnetd writes them: `python3 train_dictionary.py`.

Needs the program zstd. The samples are seeded, so the dictionary is the same each time with one version of zstd. Frames
that are on a device's disk need the dictionary that made them: give a new one a new id and keep the old.
"""
import hashlib
import json
import pathlib
import random
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
SAMPLES, BYTES, DICTIONARY_ID = 2000, 4096, 71000001
WORDS = ("the a to of and in is it you that on light lights bedroom kitchen living room turn off set alarm for play music "
         "what weather temperature degrees morning today please model device answer can not with this will be at one").split()
INTENTS = ["iot_hue_lightoff", "iot_hue_lighton", "iot_hue_lightdim", "alarm_set", "play_music", "weather_query",
           "calendar_set", "qa_factoid", "general_quirky", "datetime_query", "iot_coffee", "transport_query"]
FIGURES = ["between_tokens_p50_ms", "between_tokens_p95_ms", "between_tokens_p99_ms", "broker_connected",
           "broker_connections", "cgroup_limit_bytes", "cgroup_usage_bytes", "cpu_pressure", "done", "energy_j", "expired",
           "failed", "first_token_p50_ms", "first_token_p95_ms", "first_token_p99_ms", "flush_ms", "inconsistency",
           "mean_log_probability", "memory_anonymous_bytes", "memory_available_bytes", "memory_planned_bytes",
           "memory_pressure", "power_w", "queue", "queued_p50_ms", "queued_p95_ms", "queued_p99_ms", "rejected", "requests",
           "requests_per_second", "storage_used", "temperature_c", "tokens", "tokens_per_second", "utilisation"]


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text(rng):
    if rng.random() < 0.5:
        return compact({"intent": rng.choice(INTENTS), "slots": {"house_place": rng.choice(WORDS)}})
    return " ".join(rng.choices(WORDS, k=rng.randint(5, 80))).capitalize() + "."


def outcome(rng):
    name = "".join(rng.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26))
    kind = rng.random()
    if kind < 0.1:
        reason = rng.choice(["restart", "stopping", "io", "does_not_fit", "denied", "outcome_unknown"])
        return compact({"id": name, "status": "failed", "reason": reason, "detail": text(rng)})
    if kind < 0.2:
        return compact({"id": name, "status": "done", "result": True})
    answer = text(rng)
    message = {"id": name, "status": "done", "text": answer, "finish": rng.choice(["stop", "length"]),
               "prompt_tokens": rng.randint(5, 400), "tokens": rng.randint(2, 200), "n_chunks": rng.randint(1, 25),
               "sha256": hashlib.sha256(answer.encode()).hexdigest(),
               "timings": {"queue_ms": round(rng.random() * 9, 3), "first_token_ms": round(rng.random() * 900, 3),
                           "total_ms": round(rng.random() * 9000, 3)}}
    if answer.startswith("{"):
        message["actions"] = [{"rule": "bedroom-off", "target": "line BEDROOM_LIGHT", "done": True}]
    return compact({**message, "energy_j": round(rng.random() * 50, 3), "confidence": round(rng.random(), 6)})


def figures(rng):
    return compact({"at": 1764140000 + rng.randint(0, 10**7), "epoch": rng.randint(1, 90000),
                    "figures": {name: round(rng.random() * 10**rng.randint(0, 9), 4) for name in FIGURES}})


def main():
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i in range(SAMPLES):
            paths.append(pathlib.Path(folder) / f"{i:04}")
            paths[-1].write_text(outcome(rng) if i % 4 else figures(rng))
        trained = pathlib.Path(folder) / "dictionary"
        subprocess.run(["zstd", "-q", "--train", *paths, f"--maxdict={BYTES}", f"--dictID={DICTIONARY_ID}", "-o", trained],
                       check=True)
        data = trained.read_bytes()
    lines = [", ".join(f"{byte}" for byte in data[i:i + 24]) for i in range(0, len(data), 24)]
    (HERE / "message_dictionary.inc").write_text(
        "// Made by train_dictionary.py: do not edit. clang-format off\n" + ",\n".join(lines) + "\n")
    print(f"{len(data)} bytes")


if __name__ == "__main__":
    main()
