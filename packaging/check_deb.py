#!/usr/bin/python3
"""Checks that built packages run on every distribution of packaging/dependencies.tsv, and that their programs are hardened.

usage: check_deb.py FOLDER-OF-DEBS
Symbols above GLIBC_2.34 or GLIBCXX_3.4.30 (Ubuntu 22.04 has 2.35 and 3.4.30), libraries outside the table, dependencies that
one of the distributions cannot give, run paths, and files that are no PIE, not read-only after relocation, or have an
executable stack are faults.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

CEILINGS = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}
VERSION = re.compile(r"\b(GLIBC|GLIBCXX|CXXABI)_(\d+(?:\.\d+)+)")
DEPENDENCY = re.compile(r"^([a-z0-9.+-]+)(?: \((>=|=) ([^)]+)\))?$")
OWN = re.compile(r"^(?:lib)?linnet")
HERE = pathlib.Path(__file__).parent


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_table(path=HERE / "dependencies.tsv"):
    """{soname: (dependency, versions of the distributions)}"""
    rows = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {row[0]: (row[1], row[2:]) for row in rows}


def symbol_faults(versions):
    """versions: the text of readelf -V."""
    for name, number in sorted(set(VERSION.findall(versions))):
        if tuple(map(int, number.split("."))) > CEILINGS[name]:
            yield f"needs {name}_{number}, above {'.'.join(map(str, CEILINGS[name]))}"


def elf_faults(headers, dynamic, versions, table):
    """The three texts are of readelf -hlW, -dW and -VW."""
    yield from symbol_faults(versions)
    for soname in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic):
        if soname not in table and f"plugin:{soname}" not in table:
            yield f"links {soname}, which is not in dependencies.tsv"
    if re.search(r"\((?:RPATH|RUNPATH)\)", dynamic):
        yield "has a run path"
    if not re.search(r"Type:\s+DYN", headers):
        yield "is not position independent"
    if "GNU_RELRO" not in headers or not re.search(r"BIND_NOW|FLAGS_1.*NOW", dynamic):
        yield "is not read-only after relocation"
    if re.search(r"GNU_STACK.*RWE", headers):
        yield "has an executable stack"


def satisfied(required, available):
    return subprocess.run(["dpkg", "--compare-versions", available, "ge", required], check=False).returncode == 0


def dependency_faults(depends, table):
    """depends: the control field. A dependency of the table must be given by each of the four distributions."""
    known = {}
    for dependency, versions in table.values():
        name = DEPENDENCY.match(dependency)[1] if DEPENDENCY.match(dependency) else dependency.split()[0]
        known[name] = versions
    for group in filter(None, (word.strip() for word in depends.split(","))):
        alternatives = [DEPENDENCY.match(word.strip()) for word in group.split("|")]
        names = [match[1] for match in alternatives if match]
        if any(OWN.match(name) for name in names):
            continue
        if not any(name in known for name in names):
            yield f"depends on '{group}', which is not in dependencies.tsv"
        elif len(names) == 1 and alternatives[0][3]:
            for version in known[names[0]]:
                if not satisfied(alternatives[0][3], version):
                    yield f"depends on '{group}', and a distribution has {version}"


def package_faults(deb, table):
    yield from dependency_faults(output("dpkg-deb", "-f", deb, "Depends"), table)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
        if list(pathlib.Path(folder).rglob("lintian/overrides/*")):
            yield "overrides lintian"
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_symlink() or not path.is_file() or path.open("rb").read(4) != b"\x7fELF":
                continue
            texts = [output("readelf", flags, path) for flags in ("-hlW", "-dW", "-VW")]
            for fault in elf_faults(*texts, table):
                yield f"/{path.relative_to(folder)} {fault}"


def main():
    table, count, faults = read_table(), 0, []
    for deb in sorted(pathlib.Path(sys.argv[1]).glob("*.deb")):
        if "-dbgsym_" not in deb.name:
            count += 1
            faults += [f"{deb.name}: {fault}" for fault in package_faults(deb, table)]
    for fault in faults:
        print(fault)
    print(f"{count} packages, {len(faults)} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
