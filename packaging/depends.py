#!/usr/bin/python3
"""Writes ${shlibs:Depends} of a staged package from what its files link and the table of what may be depended on.

usage: depends.py --table dependencies.tsv --readelf READELF debian/PACKAGE   (writes debian/PACKAGE.substvars)
Fails where a file links a library that is not in the table.
"""
import argparse
import pathlib
import re
import subprocess
import sys

NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")


def read_table(path):
    """{soname: dependency}"""
    rows = (line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {row[0]: row[1] for row in rows}


def elf_files(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF":
            yield path


def needed(readelf, path):
    out = subprocess.run([readelf, "-dW", path], check=True, capture_output=True, text=True).stdout
    return NEEDED.findall(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=pathlib.Path, required=True)
    parser.add_argument("--readelf", default="readelf")
    parser.add_argument("package", type=pathlib.Path)
    arguments = parser.parse_args()
    table = read_table(arguments.table)
    dependencies, faults = set(), []
    for path in elf_files(arguments.package):
        for soname in needed(arguments.readelf, path):
            is_plugin = f"plugin:{soname}" in table  # The package's own Depends says which plug-in serves which library.
            if not is_plugin and soname not in table:
                faults.append(f"{path}: links {soname}, which is not in {arguments.table}")
            elif not is_plugin:
                dependencies.add(table[soname])
    for fault in faults:
        print(f"depends.py: {fault}", file=sys.stderr)
    if faults:
        return 1
    lines = pathlib.Path(f"{arguments.package}.substvars")
    kept = [line for line in lines.read_text().splitlines() if not line.startswith("shlibs:")] if lines.exists() else []
    lines.write_text("\n".join([*kept, f"shlibs:Depends={', '.join(sorted(dependencies))}"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
