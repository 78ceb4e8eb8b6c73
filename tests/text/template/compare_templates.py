#!/usr/bin/env python3
"""Renders template files with Jinja2 and with template_render_tool over all conversations and prints what differs.

Usage: compare_templates.py TOOL FILE.jinja …   (a Python with jinja2; exit code 1 if anything differs)
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "data" / "templates"))
from conversations import context_of, conversations  # noqa: E402
from reference import render  # noqa: E402


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def render(self, template, context):
        request = {"template": template, "context": json.dumps(context), "now": "2025-07-26T14:05:09.25"}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def differs(expected_ok, expected, reply):
    if expected_ok != reply["ok"]:
        return True
    if expected_ok:
        return expected != reply["text"]
    return expected.startswith("raised: ") and not reply["error"].endswith(expected[len("raised: "):])


def main():
    tool = Tool(sys.argv[1])
    different = rendered = errors = 0
    for name in sys.argv[2:]:
        template = pathlib.Path(name).read_text(encoding="utf-8")
        failures = []
        for title, given in conversations():
            context = context_of(given)
            ok, expected = render(template, context)
            reply = tool.render(template, context)
            rendered += 1
            errors += not ok
            if differs(ok, expected, reply):
                failures.append((title, expected, reply))
        different += len(failures)
        if failures:
            title, expected, reply = failures[0]
            print(f"{name}: {len(failures)} differ, first {title}\n  expected {expected!r:.600}\n  got      {reply!r:.600}")
    print(f"{len(sys.argv) - 2} templates, {rendered} renders ({errors} of them errors), {different} differ")
    return different != 0


if __name__ == "__main__":
    sys.exit(main())
