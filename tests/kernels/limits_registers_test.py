#!/usr/bin/env python3
"""Fails where the loop that measures the int8 peak touches the stack: what it told would be memory's latency, no limit.

(GCC had kept the sums in an array there; Zen 4 forwards that without delay, Intel's processors told a quarter of their peak.)
Usage: limits_registers_test.py OBJDUMP OBJECT...
"""

import re
import subprocess
import sys

ISA = re.compile(r"limits_(avx2|avx_vnni|avx512_vnni|amx_int8|neon\w*)\.(cc|cpp)\.o(bj)?$")
PRODUCT = re.compile(r"\b(vpdpbusd|tdpbusd|vpmaddubsw|sdot|smmla|smull2?|vdot\.\w+|vmull\.\w+)\b")
STACK = re.compile(r"\(%[re][sb]p\)|\[sp\b")


def multiply(objdump: str, path: str) -> list[str]:
    """The instructions of `multiply` from its first product to its last."""
    listing = subprocess.run([objdump, "-d", "-C", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    functions = re.split(r"\n(?=[0-9a-f]+ <)", listing)
    lines = [line for function in functions if "multiply" in function.split("\n", 1)[0] for line in function.splitlines()]
    products = [i for i, line in enumerate(lines) if PRODUCT.search(line)]
    return lines[products[0] : products[-1] + 1] if products else []


def main() -> int:
    objdump, *objects = sys.argv[1:]
    checked = [path for path in objects if ISA.search(path)]
    failed = not checked
    for path in checked:
        loop = multiply(objdump, path)
        touched = [line.strip() for line in loop if STACK.search(line)]
        if not loop or touched:
            failed = True
            print(f"{path}: " + (f"{len(touched)} accesses to the stack, the first: {touched[0]}" if loop else "no products found"))
    print(f"{len(checked)} objects checked")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
