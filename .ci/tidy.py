#!/usr/bin/python3
"""Runs clang-tidy over changed sources, or over all of them, and remembers what was clean.

usage: tidy.py [--all] BUILD_DIR...

Each BUILD_DIR holds a compile_commands.json; a source is checked with the first that compiles it, and without the tree's
precompiled headers: one that forgot an include does not compile here. Changed means: not
committed, or in commits that the upstream branch does not have, or, where there is none to compare with (a fresh clone),
in the newest day of commits, at most MOST_CHANGED sources of them; a changed header stands for the source beside it that
carries its name. A source whose preprocessed text was clean before is not checked again (.cache/tidy).
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TIDY, CLANG = "clang-tidy-14", "clang++-14"
MOST_CHANGED = 20  # About 4 to 14 s each on one core: keeps the stage near 90 s on two.
ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "tidy"
PRECOMPILED = re.compile(r" -Winvalid-pch|(?: -Xclang)? -include(?:-pch)?(?: -Xclang)? \S*/cmake_pch\.hxx\S*| -fpch-instantiate-templates")


def git(*words):
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.splitlines()


def changed_files():
    """Paths that changed, those of the newest commits first."""
    uncommitted = [line[3:] for line in git("status", "--porcelain")]
    ahead = git("log", "--format=", "--name-only", "@{upstream}..HEAD")
    if ahead:
        return uncommitted + ahead
    newest = int((git("log", "-1", "--format=%ct") or ["0"])[0])
    return uncommitted + git("log", "--format=", "--name-only", f"--since={newest - 24 * 3600}")


def compile_commands(build_dirs):
    """{path: (folder of a compile_commands.json, its entry)}"""
    commands = {}
    for number, build in enumerate(build_dirs):
        entries = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
        for entry in entries:
            entry["command"] = PRECOMPILED.sub("", entry["command"])
        directory = CACHE / "commands" / str(number)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "compile_commands.json").write_text(json.dumps(entries))
        for entry in entries:
            path = os.path.relpath(entry["file"], ROOT)
            if not path.startswith(("build/", "..")):
                commands.setdefault(path, (directory, entry))
    return commands


def sources_of(paths, commands):
    sources = (path.removesuffix(".h") + ".cc" if path.endswith(".h") else path for path in paths)
    return [path for path in dict.fromkeys(sources) if path in commands]


def target_words(entry):
    """The option that makes clang compile for the target of a cross gcc."""
    compiler = os.path.basename(entry["command"].split()[0])
    return ["--target=" + compiler.removesuffix("-g++")] if compiler.endswith("-linux-gnu-g++") else []


def fingerprint(entry):
    """A hash of all that a finding can depend on, or None where the source does not compile."""
    kept = [word for word in entry["command"].split() if word.startswith(("-I", "-D", "-isystem", "-std", "-m", "--sysroot"))]
    run = subprocess.run([CLANG, *target_words(entry), *kept, "-w", "-E", "-P", "-C", entry["file"]],
                         cwd=entry["directory"], capture_output=True)
    settings = b"".join(file.read_bytes() for file in settings_of(entry["file"]))
    return hashlib.sha256(run.stdout + settings + entry["file"].encode()).hexdigest() if run.returncode == 0 else None


def settings_of(path):
    """The .clang-tidy files that hold for a source: its folders' up to the root's."""
    folders = [folder for folder in pathlib.Path(path).parents if folder == ROOT or ROOT in folder.parents]
    return [folder / ".clang-tidy" for folder in folders if (folder / ".clang-tidy").exists()]


def check(path, directory, entry):
    """The findings in one source as text, empty when clean."""
    mark = fingerprint(entry)
    if mark and (CACHE / mark).exists():
        return ""
    extra = [f"--extra-arg-before={word}" for word in target_words(entry)]
    run = subprocess.run([TIDY, "--quiet", "-p", directory, *extra, "--extra-arg=-Wno-unknown-warning-option", ROOT / path],
                         capture_output=True, text=True)
    if run.returncode != 0:
        return run.stdout or run.stderr
    if mark:
        (CACHE / mark).touch()
    return ""


def main():
    words = sys.argv[1:]
    everything = "--all" in words
    commands = compile_commands([word for word in words if word != "--all"])
    chosen = sorted(commands) if everything else sources_of(changed_files(), commands)
    if not everything and len(chosen) > MOST_CHANGED:
        print(f"clang-tidy: the {MOST_CHANGED} newest of {len(chosen)} changed sources; `make tidy` checks all")
        chosen = chosen[:MOST_CHANGED]
    CACHE.mkdir(parents=True, exist_ok=True)
    findings = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda path: check(path, *commands[path]), chosen):
            findings += bool(text)
            print(text, end="", flush=True)
    print(f"clang-tidy: {len(chosen)} sources, {findings} with findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
