#!/usr/bin/env python3
"""What the inner loops of int8 products cost on 64-bit ARM, from the machine code: nothing is run.

    arm_loops.py OBJECT [--functions REGEX] [--objdump llvm-objdump] [--mca llvm-mca]

In each function whose demangled name matches, the loop with the most dot-product instructions (SDOT, UDOT, SMMLA, USMMLA)
that has no other loop inside is taken (of several, the shortest), and its instructions and its cycles by llvm-mca's models of
three cores are given for 1,000 multiply-adds (LLVM 19; 14 has no models of these cores). A vector SDOT counts as 16 of them, a
SMMLA as 32, also where a row is padding. Works on anybody's object file.
"""
import argparse
import re
import shutil
import subprocess

MULTIPLY_ADDS = {"sdot": 16, "udot": 16, "usdot": 16, "smmla": 32, "ummla": 32, "usmmla": 32}
CORES = ("neoverse-n1", "neoverse-v1", "neoverse-n2")
FEATURES = "+dotprod,+i8mm,+fullfp16"
ITERATIONS = 100


def functions_of(objdump, path):
    """{name: [(address, words)]} in the order of the file."""
    listing = subprocess.run([objdump, "-d", f"--mattr={FEATURES}", "--demangle", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    found, lines = {}, None
    for line in listing.splitlines():
        if head := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            lines = found.setdefault(head[1], [])
        elif lines is not None and (body := re.match(r"\s*([0-9a-f]+):\s+(.*)$", line)):
            lines.append((int(body[1], 16), body[2].split("//")[0].strip()))
    return found


def loops_of(lines):
    """Bodies of innermost loops: from a backward branch's target to the branch."""
    index = {address: place for place, (address, _) in enumerate(lines)}
    spans = []
    for place, (_, words) in enumerate(lines):
        branch = re.match(r"(b|b\.\w+|cbn?z|tbn?z)\s.*?0x([0-9a-f]+)", words)
        start = index.get(int(branch[2], 16)) if branch else None
        if start is not None and start <= place:
            spans.append((start, place))
    inner = [a for a in spans if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in spans)]
    return [[words for _, words in lines[start:end + 1]] for start, end in inner]


def multiply_adds(body):
    total = 0
    for words in body:
        name, _, operands = words.partition("\t")
        total += MULTIPLY_ADDS.get(name.split(".")[0].strip(), 0) // (2 if ".2s" in operands else 1)
    return total


def cycles(mca, core, body):
    text = "\n".join(re.sub(r"^(b|b\.\w+|cbn?z|tbn?z|adrp)(\s.*?)0x[0-9a-f]+.*", r"\1\2again", words) for words in body)
    text = re.sub(r" <[^>]*>", "", text)
    words = [mca, "-mtriple=aarch64", f"-mcpu={core}", f"-mattr={FEATURES}", f"-iterations={ITERATIONS}"]
    out = subprocess.run(words, input="again:\n" + text + "\n", capture_output=True, text=True)
    total = re.search(r"Total Cycles:\s+(\d+)", out.stdout)
    return int(total[1]) / ITERATIONS if total else None


def short(name):
    """A demangled name without its namespaces and parameters."""
    name = re.sub(r"\(anonymous namespace\)::|\b\w+::", "", re.sub(r"^void ", "", name))
    return name.split("(")[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("object")
    arguments.add_argument("--functions", default=".", metavar="REGEX")
    arguments.add_argument("--objdump", default=shutil.which("llvm-objdump-19") or "llvm-objdump")
    arguments.add_argument("--mca", default=shutil.which("llvm-mca-19") or "llvm-mca")
    options = arguments.parse_args()
    print(f"| function | multiply-adds a turn | instructions for 1,000 | {' | '.join(f'cycles, {core}' for core in CORES)} |\n|---|---|---|{'---|' * len(CORES)}")
    for name, lines in functions_of(options.objdump, options.object).items():
        if not re.search(options.functions, name):
            continue
        body = max(loops_of(lines), key=lambda loop: (multiply_adds(loop), -len(loop)), default=[])
        count = multiply_adds(body)
        if count == 0:
            continue
        figures = [cycles(options.mca, core, body) for core in CORES]
        cells = " | ".join("" if figure is None else f"{figure * 1000 / count:.1f}" for figure in figures)
        print(f"| `{short(name)}` | {count} | {len(body) * 1000 / count:.0f} | {cells} |")


if __name__ == "__main__":
    main()
