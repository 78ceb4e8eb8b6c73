#!/usr/bin/env python3
"""The products of one variant as they are in another tree and as they are here, compiled alike and timed by turns.

    matmul_pair.py BEFORE VARIANT [--build build/release] [--compiler c++]

BEFORE is a tree of Linnet (git worktree add); VARIANT is a file kernels/matmul/matmul_VARIANT.cc that this processor runs,
with the flags of this tree's build. Prints how many times as fast it is here, median and middle half of 81 turns.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def flags_of(build, source):
    """What the build compiles `source` with, but for its paths."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].endswith(source):
            return [word for word in shlex.split(entry["command"])[1:] if word.startswith(("-O", "-m", "-std", "-f"))]
    raise SystemExit(f"{build} does not compile {source}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("variant")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--compiler", default="c++")
    arguments = parser.parse_args()
    source = f"kernels/matmul/matmul_{arguments.variant}.cc"
    flags = flags_of(arguments.build, source)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for tree, namespace in ((arguments.before, "before"), (ROOT, "after")):
            subprocess.run([arguments.compiler, *flags, f"-I{tree}", f"-D{arguments.variant}={namespace}", "-c", tree / source,
                            "-o", folder / f"{namespace}.o"], check=True)
        subprocess.run([arguments.compiler, "-std=c++20", "-O2", f"-I{ROOT}", ROOT / "bench/kernels/matmul_pair.cc", folder / "before.o",
                        folder / "after.o", arguments.build / "kernels/liblinnet_kernels.a", arguments.build / "runtime/base/liblinnet_base.a",
                        "-o", folder / "pair"], check=True)
        subprocess.run([folder / "pair"], check=True)


if __name__ == "__main__":
    main()
