#!/usr/bin/python3
"""Holds the table of SECURITY.md to the tests: every test that it names exists, and every named CVE's test is in it."""
import re
import sys

from tree import ROOT, files, report

ROW = re.compile(r"^\| (?P<where>[^|]*) \| (?P<cause>[^|]*) \| (?P<test>[^|]*) \|$", re.M)
TEST = re.compile(r"^(?P<path>tests/\S+): (?P<suite>\w+)\.(?P<name>\w+)$")
DEFINITION = r"\bTEST(?:_F|_P)?\(\s*{suite},\s*{name}\s*\)"
NAMED_AFTER_A_FAULT = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*((?:Cve20\d\d|NoId)\w+)\s*\)")


def row_fault(row):
    if row["test"].startswith("not yet"):
        return None
    test = TEST.match(row["test"])
    if not test:
        return f"{row['where']}: '{row['test']}' is neither 'tests/FILE: Suite.Name' nor 'not yet'"
    source = ROOT / test["path"]
    if not source.is_file() or not re.search(DEFINITION.format(**test.groupdict()), source.read_text()):
        return f"{row['where']}: there is no {test['suite']}.{test['name']} in {test['path']}"
    return None


def main():
    text = (ROOT / "SECURITY.md").read_text()
    table = text[text.index("| where it happened"):]
    rows = [match for match in ROW.finditer(table) if match["where"] != "where it happened" and not match["where"].startswith("-")]
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
