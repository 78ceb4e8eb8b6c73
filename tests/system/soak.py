#!/usr/bin/python3
"""The long ordeal of linnetd: a thousand kills, two hundred of its broker, ten thousand duplicates, and TERM amid work.

usage: soak.py [--folder RESULTS] [--times N] [--only WORD]

It is cut into parts of about half a minute, each with a world and a seed of its own. What a part found is a line of
RESULTS/parts.jsonl: a soak that was interrupted goes on after the last whole part. Ends with the sums, and with 1 where
anything was violated or a count was not reached; a violated part leaves its folder.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import sys
import time
import traceback

import ordeal

RANDOM_KILLS, RANDOM_PARTS = 40, 19  # With 20 at each of 12 points: 1,000.
POINT_KILLS = 20
BROKER_KILLS, BROKER_PARTS = 25, 8
TERMS, TERM_PARTS = 20, 2
DUPLICATES = 10000


def parts(times):
    """[(name, what is done to an ordeal)], a round after the other."""
    for turn in range(times):
        yield f"duplicates-{turn}", lambda trial: trial.duplicate(DUPLICATES)
        for point in ordeal.fail_points():
            yield f"point-{turn}-{point}", lambda trial, point=point: [trial.kill_at(point) for _ in range(POINT_KILLS)]
        for number in range(BROKER_PARTS):
            yield f"broker-{turn}-{number}", kill_brokers
        for number in range(TERM_PARTS):
            yield f"term-{turn}-{number}", lambda trial: [trial.terminate() for _ in range(TERMS)]
        for number in range(RANDOM_PARTS):
            yield f"random-{turn}-{number}", lambda trial: [trial.kill_at_random() for _ in range(RANDOM_KILLS)]


def kill_brokers(trial):
    trial.start()
    for _ in range(BROKER_KILLS):
        trial.kill_broker()


def run_part(name, work, folder):
    folder.mkdir(parents=True)
    began, load = time.monotonic(), os.getloadavg()[0]
    trial = ordeal.Ordeal(folder, name)
    try:
        work(trial)
        trial.settle(broker_lost=name.startswith("broker"))
    except Exception:
        trial.violate(traceback.format_exc())
    finally:
        trial.close()
    if not trial.violations:
        shutil.rmtree(folder, ignore_errors=True)
    return {"part": name, "seconds": round(time.monotonic() - began, 1), "load": round(load, 1), "slowest_ready_s": round(trial.slowest, 2),
            "counts": trial.counts, "violations": trial.violations}


def lacking(counts, times):
    """The counts that were not reached."""
    goals = {f"killed at {point}": POINT_KILLS for point in ordeal.fail_points()}
    goals |= {"killed at random": RANDOM_KILLS * RANDOM_PARTS, "broker killed": BROKER_KILLS * BROKER_PARTS,
              "terminated": TERMS * TERM_PARTS, "duplicates": DUPLICATES}
    return [f"{what}: {counts[what]} of {goal * times}" for what, goal in goals.items() if counts[what] < goal * times]


def report(results, times, whole):
    counts, violations = collections.Counter(), []
    for result in results:
        counts.update(result["counts"])
        violations += [f"{result['part']}: {text}" for text in result["violations"]]
    kills = sum(count for what, count in counts.items() if what.startswith("killed at "))
    print(f"\n{len(results)} parts, {sum(result['seconds'] for result in results):.0f} s; {kills} kills of linnetd")
    for what in sorted(counts):
        print(f"  {what:28} {counts[what]:7}")
    slowest = max(results, key=lambda result: result["slowest_ready_s"])
    loads = [result["load"] for result in results]
    print(f"  ready again after {slowest['slowest_ready_s']} s at worst; load {min(loads)} to {max(loads)}")
    short = lacking(counts, times) if whole else []
    for text in violations + short:
        print(f"VIOLATED: {text}")
    print("nothing violated" if not violations + short else f"{len(violations)} violations, {len(short)} counts not reached")
    return 1 if violations or short else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/soak"))
    arguments.add_argument("--times", type=int, default=1)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    record = options.folder / "parts.jsonl"
    results = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    known = {result["part"] for result in results}
    todo = [(name, work) for name, work in parts(options.times) if name.startswith(options.only)]
    for number, (name, work) in enumerate(todo, 1):
        if name in known:
            continue
        folder = options.folder / name
        shutil.rmtree(folder, ignore_errors=True)  # Of a part that was interrupted.
        result = run_part(name, work, folder)
        results.append(result)
        with open(record, "a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{number:4}/{len(todo)} {name:24} {result['seconds']:6} s, ready after {result['slowest_ready_s']} s at worst, load {result['load']}"
              + "".join(f"\n  VIOLATED: {text}" for text in result["violations"]), flush=True)
    return report(results, options.times, whole=not options.only)


if __name__ == "__main__":
    sys.exit(main())
