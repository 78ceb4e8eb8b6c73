#!/usr/bin/python3
"""Turns a page of Markdown into a man page with lowdown; its tables become lists, which fit every width.

usage: markdown_manual.py PAGE.md NAME SECTION VERSION OUTPUT [NAME-LINE]
NAME-LINE ("linnet-mqtt - …") makes the NAME section of a page that has none: its title line is dropped.
"""
import datetime
import os
import pathlib
import re
import subprocess
import sys

RULE = re.compile(r"^\|(?:\s*:?-+:?\s*\|)+$")


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def without_tables(lines):
    """A table's row becomes a term, its first cell, and a description, the others with the names of their columns."""
    out, names = [], None
    for number, line in enumerate(lines):
        if not line.startswith("|"):
            names = None
            out.append(line)
        elif names is None:
            names = cells(line)
            if not (number + 1 < len(lines) and RULE.match(lines[number + 1])):
                raise ValueError(f"a table without a rule below its head: {line}")
        elif not RULE.match(line):
            row = cells(line)
            described = "; ".join(f"{name}: {cell}" if len(names) > 2 and name else cell
                                  for name, cell in zip(names[1:], row[1:]) if cell)
            out += ["", row[0], f":   {described or row[0]}"]
    return out


def roman(lines):
    """Links become their words: a man page has no others to go to."""
    return [re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", line) for line in lines]


def main():
    page, name, section, version, output = sys.argv[1:6]
    lines = pathlib.Path(page).read_text().splitlines()
    if len(sys.argv) > 6:
        lines = ["# NAME", "", sys.argv[6], "", "# DESCRIPTION", *(line.replace("## ", "# ", 1) for line in lines[1:])]
    date = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    meta = {"title": name.upper(), "section": section, "date": f"{date:%Y-%m-%d}", "source": f"Linnet {version}",
            "volume": "Linnet manual"}
    command = ["lowdown", "-s", "-Tman", "--out-no-smarty", *(word for key in meta for word in ("-M", f"{key}={meta[key]}"))]
    text = "\n".join(roman(without_tables(lines))) + "\n"
    pathlib.Path(output).write_text(subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
