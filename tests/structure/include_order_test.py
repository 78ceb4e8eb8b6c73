#!/usr/bin/python3
"""Holds every #include and every target_link_libraries to the order of the house (tree.py, ARCHITECTURE.md)."""
import collections
import re
import sys

from tree import ALLOWED, ROOT, area_of, files, report

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# Headers that cost seconds a unit: in sources, or in a header for a few sources, so that nobody pays who does not ask.
MOST_PAYERS = 3
HEAVY = ("nlohmann/json.hpp", "CLI/", "toml++/", "toml.hpp", "spdlog/", "fmt/", "httplib.h", "armadillo")
# What the engine library may be embedded without: all but PCRE2, utf8proc and tl::expected.
EMBEDDED = {"runtime/base", "kernels", "models/gguf", "models", "runtime/text", "runtime/engine"}
# A target of its own inside such a folder, which the engine library does not link: linnet_schema.
BESIDE = ("runtime/text/grammar/json_",)
NOT_EMBEDDED = ("nlohmann/", "CLI/", "toml++/", "spdlog/", "fmt/", "httplib.h", "mosquitto", "sqlite3", "gpiod", "systemd/", "openssl/")


def include_faults(path, text, payers):
    area = area_of(path)
    if area is None:
        return [f"{path}: lies in no area of the house (tests/structure/tree.py)"]
    faults = []
    includes = INCLUDE.findall(text)
    for quote, name in includes:
        if quote == "<":
            if area_of(name) is not None and (ROOT / name).exists():
                faults.append(f"{path}: <{name}> is ours: write it with quotes")
            if path.endswith(".h") and name.startswith(HEAVY) and payers[path] > MOST_PAYERS:
                faults.append(f"{path}: <{name}> is heavy, and {payers[path]} files include this header")
            if area in EMBEDDED and name.startswith(NOT_EMBEDDED) and not path.startswith(BESIDE):
                faults.append(f"{path}: <{name}> may not be needed by the engine library")
        elif not (ROOT / name).is_file():
            faults.append(f'{path}: "{name}" is no path from the root of the tree')
        elif area_of(name) not in ALLOWED[area]:
            faults.append(f'{path}: {area} may not include "{name}" of {area_of(name)}')
    own = path.removesuffix(".cc") + ".h"
    if path.endswith(".cc") and (ROOT / own).is_file() and includes and includes[0][1] != own:
        faults.append(f'{path}: its own header "{own}" comes first')
    return faults


def header_faults(path, text):
    lines = text.splitlines()
    faults = []
    if not lines or not lines[0].startswith("// "):
        faults.append(f"{path}: the first line is one sentence of purpose")
    if "#pragma once" not in lines:
        faults.append(f"{path}: no #pragma once")
    return faults


def link_faults():
    """Targets link in the same order as their folders include."""
    targets, links = {}, []
    for path in files("*CMakeLists.txt"):
        text = re.sub(r"#.*", "", (ROOT / path).read_text())
        for name in re.findall(r"add_(?:library|executable)\(\s*([\w-]+)(?!\s+ALIAS)\s", text):
            targets[name] = area_of(path)
        for name, rest in re.findall(r"target_link_libraries\(\s*([\w-]+)([^)]*)\)", text):
            links += [(path, name, word) for word in rest.split()]
    return [f"{path}: {name} of {targets[name]} may not link {word} of {targets[word]}"
            for path, name, word in links
            if targets.get(name) and targets.get(word) and targets[word] not in ALLOWED[targets[name]]]


def main():
    faults = link_faults()
    sources = {path: (ROOT / path).read_text() for path in files("*.h", "*.cc") if "/" in path}
    payers = collections.Counter(name for text in sources.values() for _, name in INCLUDE.findall(text))
    for path, text in sources.items():
        faults += include_faults(path, text, payers)
        if path.endswith(".h"):
            faults += header_faults(path, text)
    print(f"{len(sources)} files read")
    return report("include order", faults)


if __name__ == "__main__":
    sys.exit(main())
