#!/usr/bin/python3
"""Holds the tables of SECURITY.md and docs/security.md to the tests: those that they name exist, and every named CVE's is in the first."""
import re
import sys

from tree import ROOT, files, report

ROW = re.compile(r"^\| (?P<where>[^|]*) \| (?P<cause>[^|]*) \| (?P<test>[^|]*) \|$", re.M)
TEST = re.compile(r"^(?P<path>tests/\S+): (?:(?P<suite>\w+)\.)?(?P<name>\w+)$")
DEFINITION = r"\bTEST(?:_F|_P)?\(\s*{suite},\s*{name}\s*\)|def {name}\(self\)"
NAMED_AFTER_A_FAULT = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*((?:Cve20\d\d|NoId)\w+)\s*\)")


def row_fault(row):
    if row["test"].startswith("not yet"):
        return None
    test = TEST.match(row["test"])
    if not test:
        return f"{row['where']}: '{row['test']}' is neither 'tests/FILE: Suite.Name', 'tests/FILE.py: test_name' nor 'not yet'"
    source = ROOT / test["path"]
    if not source.is_file() or not re.search(DEFINITION.format(**test.groupdict()), source.read_text()):
        return f"{row['where']}: there is no {test['name']} in {test['path']}"
    return None


def rows_of(path, first_cell):
    """(the text from the table on, its rows)"""
    text = (ROOT / path).read_text()
    table = text[text.index(f"| {first_cell}"):]
    return table, [match for match in ROW.finditer(table) if match["where"] != first_cell and not match["where"].startswith("-")]


def main():
    table, rows = rows_of("SECURITY.md", "where it happened")
    rows += rows_of("docs/security.md", "attack")[1]
    faults = [fault for fault in map(row_fault, rows) if fault]
    for path in files("tests/*.cc"):
        for suite, name in NAMED_AFTER_A_FAULT.findall((ROOT / path).read_text()):
            if f"{path}: {suite}.{name} |" not in table:
                faults.append(f"{path}: {suite}.{name} is missing from SECURITY.md")
    open_rows = sum(row["test"].startswith("not yet") for row in rows)
    print(f"{len(rows)} rows, {open_rows} without a test yet")
    return report("security table", faults if rows else ["no rows were found"])


if __name__ == "__main__":
    sys.exit(main())
