#!/usr/bin/env python3
"""Fails where an object compiled for one instruction set exports a weak function or variable.

The linker keeps one copy of a weak symbol for the whole program: were it that of an AVX2 file, older processors would
crash in code that looks portable. Usage: weak_symbols_test.py NM OBJECT...
"""

import re
import subprocess
import sys

ISA = re.compile(r"_(avx2|avx_vnni|avx512\w*|amx\w*|neon\w*|i8mm|sve2)(\.(cc|cpp)\.o(bj)?$|\.dir/)")
# Sanitizers' own marks and descriptions of types, which hold no code.
NO_CODE = re.compile(r"^(__odr_asan|__asan|__ubsan|__tsan|asan\.|__sancov|__start_|__stop_|typeinfo )")


def weak_symbols(nm: str, path: str) -> list[str]:
    listing = subprocess.run([nm, "-C", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    fields = (line.split(maxsplit=2) for line in listing.splitlines())
    return [f[2] for f in fields if len(f) == 3 and f[1] in "WwVvu" and not NO_CODE.match(f[2])]


def main() -> int:
    nm, *objects = sys.argv[1:]
    checked = [path for path in objects if ISA.search(path)]
    if not checked:
        print("no object of an instruction set in this build")
        return 0
    bad = {path: symbols for path in checked if (symbols := weak_symbols(nm, path))}
    for path, symbols in bad.items():
        print(f"{path}: {len(symbols)} weak symbols, the first: {symbols[0]}")
    print(f"{len(checked)} objects checked")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
