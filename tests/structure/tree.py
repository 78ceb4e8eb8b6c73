"""The tree as the structure tests see it: tracked and new files, and the area of the house that each lies in."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Who may include whom: an area and those whose headers it may name directly (ARCHITECTURE.md, the house). What these may
# include, it may include too; hal and kernels never meet; nothing includes tests or bench.
DIRECT = {
    "runtime/base": [],
    "hal": ["runtime/base"],
    "kernels": ["runtime/base"],
    "models/gguf": ["runtime/base"],
    "runtime/text": ["models/gguf"],
    "models": ["kernels", "models/gguf"],
    "runtime/engine": ["models", "kernels", "runtime/text"],
    "runtime/language": ["hal", "runtime/limits"],
    "runtime/limits": ["runtime/engine"],
    "runtime/mqtt": ["runtime/base"],
    "runtime/daemon": ["runtime/language", "runtime/mqtt"],
    "runtime/cli": ["runtime/language", "runtime/mqtt"],
    "runtime": ["runtime/language"],  # The C API.
    "bench": ["hal", "runtime/engine"],
    "tests": ["bench", "runtime/cli", "runtime/daemon", "runtime"],
}


def _closure(area):
    reached = {area}
    for next_area in DIRECT[area]:
        reached |= _closure(next_area)
    return reached


ALLOWED = {area: _closure(area) for area in DIRECT}


def area_of(path):
    """The area that a path relative to the root lies in, or None."""
    matching = [area for area in DIRECT if path.startswith(area + "/")]
    return max(matching, key=len, default=None)


def files(*patterns):
    """Paths, relative to the root, of the files that belong to the project and match a git pattern."""
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard", "--", *patterns], check=True,
                             capture_output=True, text=True).stdout
    return sorted(path for path in listing.split("\0") if path and (ROOT / path).is_file())


def report(name, faults):
    """Prints the faults and gives the exit code."""
    for fault in faults:
        print(fault)
    print(f"{name}: {len(faults)} faults")
    return 1 if faults else 0
