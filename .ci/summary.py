#!/usr/bin/python3
"""Adds up test results and prints "N passed, N failed, N skipped".

usage: summary.py [--skips] RESULTS_DIR

RESULTS_DIR is the folder of one ctest run, or holds several: ctest.xml (ctest --output-junit) and the reports that GoogleTest
programs wrote beside it. A program with a report counts with its cases, any other test as one. --skips also lists
what was skipped, with the reason.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def case_outcome(case):
    """passed, failed or skipped, of a case in ctest's or GoogleTest's report."""
    skipped = case.find("skipped")
    if case.find("failure") is not None or case.get("status") == "fail":
        return "failed"
    if skipped is not None and not skipped.get("message", "").startswith("Unable"):
        return "skipped"
    if case.get("status") in ("notrun", "disabled"):  # ctest: no program; GoogleTest: DISABLED_.
        return "failed" if skipped is not None else "skipped"
    return "passed"


def outcomes(folder):
    """(name, outcome, reason) of every case of one ctest run."""
    for test in xml.parse(folder / "ctest.xml").getroot().iter("testcase"):
        name, outcome = test.get("name"), case_outcome(test)
        report = folder / f"{name}.xml"
        cases = list(xml.parse(report).getroot().iter("testcase")) if report.exists() else []
        for case in cases:
            skipped = case.find("skipped")
            reason = skipped.get("message", "").splitlines() if skipped is not None else []
            yield f"{name}: {case.get('classname')}.{case.get('name')}", case_outcome(case), reason[-1] if reason else ""
        # A program that failed without a failed case (a sanitizer's report, a crash) still counts as failed.
        if not cases or (outcome == "failed" and all(case_outcome(case) != "failed" for case in cases)):
            yield name, outcome, ""


def main():
    root = pathlib.Path(sys.argv[-1])
    folders = sorted({path.parent for path in root.rglob("ctest.xml")})
    rows = [(folder.name, *row) for folder in folders for row in outcomes(folder)]
    if "--skips" in sys.argv:
        for run, name, outcome, reason in rows:
            if outcome == "skipped":
                print(f"skipped in {run}: {name}" + (f" ({reason})" if reason else ""))
    counts = {word: sum(row[2] == word for row in rows) for word in ("passed", "failed", "skipped")}
    print(", ".join(f"{count} {word}" for word, count in counts.items()))


if __name__ == "__main__":
    main()
