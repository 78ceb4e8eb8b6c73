#!/usr/bin/python3
"""Holds nine files in ten under 400 lines and nine functions in ten under 30, and prints the longest of each.

What makes a code base hard to read is its tail, so the test judges shares, not each file. Functions are found by braces:
clang-format's layout is regular enough that a compiler is not needed.
"""
import re
import sys

from tree import ROOT, files, report

MOST_FILE_LINES, MOST_FUNCTION_LINES, SHARE = 400, 30, 0.9
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|[{};]', re.S)
CONTAINER = re.compile(r'^(?:inline\s+)?namespace\b|^extern\b\s*$|\b(?:class|struct|union|enum)\b[^()=]*$')


def functions(text):
    """(name, lines) of every function defined at the level of a file, namespace or class."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: "\n" * match.group().count("\n"), text, flags=re.M)
    found, stack, start = [], [], 0
    for token in TOKEN.finditer(text):
        symbol = token.group()
        if symbol == "{":
            head = re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", text[start:token.start()]).strip()
            at_level = all(kind == "container" for kind, _, _ in stack)
            if at_level and CONTAINER.search(head):
                stack.append(("container", head, 0))
            elif at_level and "(" in head:
                stack.append(("function", head, start + len(text[start:]) - len(text[start:].lstrip())))
            else:
                stack.append(("block", head, 0))
            start = token.end()
        elif symbol == "}":
            if stack:
                kind, head, begin = stack.pop()
                if kind == "function":
                    name = re.search(r"([\w:~]+(?:\s*operator[^\s(]+)?)\s*\(", head)
                    found.append((name.group(1) if name else "?", text.count("\n", begin, token.end()) + 1))
            start = token.end()
        elif symbol == ";":
            start = token.end()
    return found


def share_fault(what, lengths, most):
    """Prints the share below `most` and the longest; a fault where the share is too small. lengths: (length, name)."""
    short = sum(length < most for length, _ in lengths)
    share = short / len(lengths) if lengths else 1.0
    print(f"{what}: {len(lengths)}, {100 * share:.1f} % under {most} lines")
    for length, name in sorted(lengths, reverse=True)[:8]:
        print(f"  {length:5} {name}")
    return [] if share >= SHARE else [f"{what}: only {100 * share:.1f} % are under {most} lines"]


def main():
    faults = []
    for part in ("product", "tests"):
        paths = [path for path in files("*.h", "*.cc") if path.startswith("tests/") == (part == "tests")]
        texts = {path: (ROOT / path).read_text() for path in paths}
        file_lengths = [(text.count("\n"), path) for path, text in texts.items()]
        function_lengths = [(lines, f"{path}: {name}") for path, text in texts.items() for name, lines in functions(text)]
        faults += share_fault(f"{part} files", file_lengths, MOST_FILE_LINES)
        faults += share_fault(f"{part} functions", function_lengths, MOST_FUNCTION_LINES)
    return report("size", faults)


if __name__ == "__main__":
    sys.exit(main())
