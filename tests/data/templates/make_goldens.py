#!/usr/bin/env python3
"""Writes the goldens of the chat-template tests, the expected side always by Jinja2 (reference.py).

Usage: make_goldens.py [FOLDER of *.jinja]   (a Python with jinja2 3.1.6; the folder is the shared data's `templates`)

snippets.json: rows of a template, and its text or its error, from snippets*.txt over CONTEXT.
chats.json: for each template of the folder, by name, the size and the 64-bit FNV-1a hash of each conversation's text, or
its error; conversations.json holds the contexts. The templates themselves are not ours to copy.
"""
import json
import pathlib
import re
import sys

from conversations import context_of, conversations
from reference import render

HERE = pathlib.Path(__file__).resolve().parent

CONTEXT = {
    "text": "Hello",
    "uni": "é€😀a",
    "nums": [1, 2, 3, 4],
    "d": {"a": 1, "b": ["x", {"y": None}], "n": {"x": {"y": "deep"}}},
    "shadow": {"items": "shadowed", "keys": 5},
    "nested": [[1, 2], [3, 4]],
    "people": [
        {"name": "Ann", "age": 30, "more": {"x": 1}},
        {"name": "bob", "age": 20, "more": {"x": 0}},
        {"name": "Cid", "age": 30, "more": {}},
    ],
    "tree": [{"name": "a", "children": [{"name": "b"}, {"name": "c", "children": [{"name": "d"}]}]}, {"name": "e"}],
    "messages": [
        {"role": "user", "content": "Hi there"},
        {"role": "user", "content": "More"},
        {"role": "assistant", "content": "Yes"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "big": [2**62, -(2**63), 0],
    "floats": [0.1, 1e16, 1e15, 123456789012345680.0, 1e-7, 5e-324, 1.7976931348623157e308, -0.0, 100.0, 2.0**53],
}


def unescape(line):
    """\\n, \\r, \\t, \\\\ and \\uXXXX of a snippet's line; other backslashes are the template's own."""
    simple = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}

    def replaced(match):
        found = match.group(1)
        return simple.get(found) or chr(int(found[1:], 16))

    return re.sub(r"\\(\\|n|r|t|u[0-9A-Fa-f]{4})", replaced, line)


def snippets():
    for path in sorted(HERE.glob("snippets*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                yield unescape(line)


def snippet_rows():
    rows = []
    for template in snippets():
        ok, text = render(template, CONTEXT)
        rows.append({"template": template, "text": text} if ok else {"template": template, "error": text})
    return rows


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def chat_rows(folder):
    chats = {}
    for path in sorted(pathlib.Path(folder).glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        results = {}
        for name, given in conversations():
            ok, text = render(template, context_of(given))
            encoded = text.encode("utf-8")
            results[name] = f"{len(encoded)} {fnv1a(encoded):016x}" if ok else "error: " + text
        chats[path.name] = results
    return chats


def write(name, value, one_per_line=False):
    if one_per_line:
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in value)
        text = "[\n" + lines + "\n]\n"
    else:
        text = json.dumps(value, ensure_ascii=False, indent=0) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")


def main():
    rows = snippet_rows()
    write("snippets.json", rows, one_per_line=True)
    write("context.json", CONTEXT)
    errors = sum("error" in row for row in rows)
    print(f"{len(rows)} snippets, {errors} of them errors")
    if len(sys.argv) > 1:
        write("chats.json", chat_rows(sys.argv[1]))
        write("conversations.json", {name: context_of(given) for name, given in conversations()})


if __name__ == "__main__":
    main()
