#!/usr/bin/env python3
"""Runs Linnet and other engines by turns on one GGUF file and prints the ratios of what they take.

    compare.py --linnet build/release/bin/linnet --model F.gguf --llama-cpp BUILD/bin --ik BUILD/bin --openvino VENV/bin/python

A machine that others use gives another speed each minute. So every round runs every program once, each round in another
order, and a ratio is that of one round; the table gives the median of the rounds, the smallest and the largest. A round
before the first fills the page cache and is thrown away. Linnet gets the file in its packed form (`linnet pack`, done here
first into a temporary folder, or --packed); the others get it as it is.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import peers
import workloads

# What a metric is called in the table, and how a figure is printed.
UNITS = {"tokens/s": lambda x: f"{x:.1f}", "s": lambda x: f"{x:.2f}", "MB": lambda x: f"{x / 1e6:.0f}",
         "GB/s": lambda x: f"{x:.1f}", "Gop/s": lambda x: f"{x:.0f}", "share": lambda x: f"{x:.2f}"}


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", required=True, metavar="PROGRAM", help="the linnet command")
    parser.add_argument("--model", required=True, metavar="FILE", help="a GGUF file that all of the programs read")
    parser.add_argument("--packed", metavar="FILE", help="the same model as `linnet pack` writes it (default: packed here)")
    parser.add_argument("--llama-cpp", metavar="FOLDER", help="llama.cpp's programs: llama-bench, llama-batched-bench, llama-completion")
    parser.add_argument("--ik", metavar="FOLDER", help="ik_llama.cpp's programs, run with -fa 1 and, as a peer of its own, "
                        "with -fa 1 -rtr 1: llama-bench, llama-batched-bench, llama-cli")
    parser.add_argument("--openvino", metavar="PYTHON", help="a Python interpreter that has openvino-genai")
    parser.add_argument("--openvino-f32", action="store_true",
                        help="OpenVINO a second time, in float32 and without AMX, as on processors that have none")
    parser.add_argument("--openvino-model", metavar="FOLDER", help="what OpenVINO loads instead of --model: a folder of its own format")
    parser.add_argument("--onnxruntime", nargs=2, metavar=("PYTHON", "FOLDER"), help="an interpreter that has onnxruntime-genai, and "
                        "the model as its builder writes it")
    parser.add_argument("--workloads", default="prompt", metavar="LIST",
                        help="some of " + ", ".join(workloads.WORKLOADS) + ", by commas (default: prompt)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds that count (default: 5)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of each program (default: 2)")
    parser.add_argument("--int8-cache", action="store_true", help="keys and values as int8, where a program knows them (not those that stay)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.workloads.split(",") if name not in workloads.WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}")
    return arguments


def pack(linnet, model, folder):
    packed = pathlib.Path(folder) / "packed.gguf"
    subprocess.run([linnet, "pack", model, "-o", packed], check=True, stdout=subprocess.DEVNULL)
    return str(packed)


def play(programs, names, rounds, tell):
    """figures[metric][program]: one number a round, in the order of the rounds."""
    figures = {}
    for name in names:
        able = [program for program in programs if program.can(name)]
        for number in range(rounds + 1):
            turn = number % len(able)
            for program in able[turn:] + able[:turn]:
                found = program.run(name)
                tell(f"{name}, round {number}, {program.name}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
                if number == 0:
                    continue
                for metric, value in found.items():
                    figures.setdefault(metric, {}).setdefault(program.name, []).append(value)
    return figures


def ratios(figures, own="linnet"):
    """For each metric and peer the quotients of Linnet's figures by the peer's, round by round: median, least, most."""
    table = {}
    for metric, by_program in figures.items():
        for peer, theirs in by_program.items():
            if peer == own or own not in by_program:
                continue
            quotients = [mine / other for mine, other in zip(by_program[own], theirs)]
            table.setdefault(metric, {})[peer] = {
                "median": statistics.median(quotients), "min": min(quotients), "max": max(quotients)}
    return table


def text_report(figures, table):
    lines = []
    for metric, by_program in figures.items():
        unit = workloads.METRICS[metric].unit
        lines.append(f"{metric}, {unit}" + ("" if workloads.METRICS[metric].more_is_better else " (less is better)"))
        for program, values in by_program.items():
            show = UNITS[unit]
            line = f"  {program:14} {show(statistics.median(values)):>9}  ({show(min(values))} to {show(max(values))})"
            quotient = table.get(metric, {}).get(program)
            if quotient:
                line += f"   linnet / it: {quotient['median']:.2f} ({quotient['min']:.2f} to {quotient['max']:.2f})"
            lines.append(line)
    return "\n".join(lines)


def main():
    arguments = parse_arguments(sys.argv[1:])
    try:
        with tempfile.TemporaryDirectory() as folder:
            packed = arguments.packed or pack(arguments.linnet, arguments.model, folder)
            with peers.assemble(arguments, packed) as programs:
                figures = play(programs, arguments.workloads.split(","), arguments.rounds,
                               lambda line: print(line, file=sys.stderr, flush=True))
    except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"compare.py: {error}")
    table = ratios(figures)
    print(json.dumps({"figures": figures, "ratios": table}) if arguments.json else text_report(figures, table))


if __name__ == "__main__":
    main()
