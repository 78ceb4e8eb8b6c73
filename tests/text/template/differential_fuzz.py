#!/usr/bin/env python3
"""Generates random templates from a grammar of the supported subset and compares Jinja2 with template_render_tool.

Usage: differential_fuzz.py TOOL [SECONDS] [SEED]   (a Python with jinja2; exit code 1 at the first differences)

Both must render the same text, or both must fail. What Linnet refuses by kind (unsupported) is counted, not compared.
"""
import collections
import json
import pathlib
import random
import re
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "data" / "templates"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from compare_templates import Tool, differs  # noqa: E402
from make_goldens import CONTEXT  # noqa: E402
from reference import render  # noqa: E402

warnings.simplefilter("ignore")
# What is generated is mostly of the type that its place wants, so that most templates render; SLIPS of it is of another.
SLIPS = 0.02
NAMES = {
    "text": ["text", "uni", "messages[0].content", "people[1].name", "d.b[0]", "x", "y"],
    "number": ["nums[0]", "d.a", "people[0].age", "loop.index", "loop.index0", "nums | length", "text | length", "floats[0]", "z"],
    "list": ["nums", "nested", "people", "messages", "d.b", "nested[1]", "tools", "floats", "tree"],
    "dict": ["d", "d.n", "people[0]", "messages[-1]", "tools[0].function", "shadow"],
    "any": ["missing", "d.zz", "x", "y", "z", "ns.a", "ns.b", "loop.last", "loop.previtem", "none", "d.b[1].y", "ns.zz", "text[99]"],
}
STRINGS = [
    "", "a", "b", "Hello", "é€", "😀", " x ", "\\n", "a,b,c", "<b>&", "it\\'s", "%s", "user", "1", "2.5", "{}", "ab" * 5, "A-b c",
    "\\t \\n", "<think>a</think>b", "ΣΑΣ", "ß", "a\\u00a0", "\\x1f",
]
FILTERS = {  # By the type that comes in: the filter, and the type that goes out.
    "text": [
        ("upper", "text"), ("lower", "text"), ("title", "text"), ("capitalize", "text"), ("trim", "text"), ("trim('a')", "text"),
        ("length", "number"), ("first", "any"), ("last", "any"), ("list", "list"), ("string", "text"), ("int", "number"),
        ("float", "number"), ("reverse", "text"), ("sort", "list"), ("unique | list", "list"), ("join(',')", "text"),
        ("default('q', true)", "text"), ("tojson", "text"), ("safe", "text"), ("e", "text"), ("replace('a', 'b')", "text"),
        ("replace('', '-', 2)", "text"), ("indent", "text"), ("indent(2, true, true)", "text"), ("wordcount", "number"),
        ("batch(2) | list", "list"), ("truncate(5)", "text"), ("truncate(6, true, '.', 0)", "text"), ("center(7)", "text"),
        ("max", "any"), ("map('upper') | list", "list"), ("select('in', 'abc') | list", "list"), ("forceescape", "text"),
        ("tojson(ensure_ascii=true)", "text"), ("int(base=16)", "number"), ("default(1)", "text"), ("count", "number"),
    ],
    "number": [
        ("abs", "number"), ("round", "number"), ("round(1)", "number"), ("int", "number"), ("float", "number"), ("string", "text"),
        ("tojson", "text"), ("default(0)", "number"), ("round(-1)", "number"), ("round(1, 'floor')", "number"), ("upper", "text"),
        ("replace('1', 'x')", "text"), ("round(0, 'ceil') | int", "number"), ("trim", "text"),
    ],
    "list": [
        ("length", "number"), ("first", "any"), ("last", "any"), ("list", "list"), ("reverse | list", "list"), ("join('-')", "text"),
        ("tojson", "text"), ("tojson(indent=2)", "text"), ("batch(3, 'f') | list", "list"), ("slice(2) | list", "list"),
        ("map('string') | join('+')", "text"), ("select | list", "list"), ("reject | list", "list"),
        ("select('string') | list", "list"), ("select('mapping') | list", "list"), ("map('tojson') | list", "list"),
        ("selectattr('name') | list", "list"), ("selectattr('role', 'equalto', 'user') | list", "list"),
        ("rejectattr('age', 'defined') | list", "list"), ("map(attribute='name') | list", "list"), ("string", "text"),
        ("map(attribute='name', default='?') | join", "text"), ("default([])", "list"), ("count", "number"),
        ("selectattr('content', 'string') | map(attribute='content') | join(' ')", "text"),
    ],
    "dict": [
        ("length", "number"), ("list", "list"), ("items | list", "list"), ("dictsort", "list"), ("tojson", "text"),
        ("tojson(sort_keys=true)", "text"), ("tojson(indent=4)", "text"), ("first", "text"), ("string", "text"), ("join", "text"),
        ("dictsort(true, 'key', true) | list", "list"), ("map('upper') | list", "list"), ("sort", "list"),
    ],
    "any": [
        ("default('q')", "any"), ("default('q', true)", "any"), ("string", "text"), ("d(none)", "any"), ("safe", "text"), ("e", "text"),
        ("upper", "text"), ("trim", "text"), ("replace('a', 'b')", "text"), ("default([], true)", "any"), ("title", "text"),
    ],
}
TESTS = {
    "text": ["lower", "upper", "eq 'a'", "in ['a', 'b']", "lt 'b'", "escaped", "in 'abc'"],
    "number": ["odd", "even", "divisibleby 2", "eq 1", "ne 1", "gt 1", "le 2", "in [1, 2]"],
    "list": ["eq []", "sequence"],
    "dict": ["mapping", "eq {}"],
    "any": [
        "defined", "undefined", "none", "string", "number", "integer", "float", "mapping", "sequence", "iterable", "boolean", "true",
        "false", "callable", "not none", "not string", "escaped", "equalto 2", "sameas none", "not defined", "ne 'a'",
    ],
}
METHODS = {
    "text": [
        ("upper()", "text"), ("lower()", "text"), ("strip()", "text"), ("strip('a ')", "text"), ("lstrip()", "text"), ("rstrip('b')", "text"),
        ("split()", "list"), ("split(',')", "list"), ("split(',', 1)", "list"), ("rsplit('b', 1)", "list"), ("splitlines()", "list"),
        ("startswith('a')", "any"), ("startswith(('a', 'H'))", "any"), ("endswith('b')", "any"), ("replace('a', 'bb')", "text"),
        ("find('b')", "number"), ("rfind('l')", "number"), ("count('a')", "number"), ("join(['a', 'b'])", "text"), ("join('xy')", "text"),
        ("title()", "text"), ("capitalize()", "text"), ("swapcase()", "text"), ("isdigit()", "any"), ("isalpha()", "any"),
        ("isupper()", "any"), ("partition('-')[0]", "text"), ("rpartition(',')[2]", "text"), ("removeprefix('H')", "text"),
        ("removesuffix('o')", "text"), ("zfill(6)", "text"), ("center(8, '*')", "text"), ("ljust(4)", "text"), ("isspace()", "any"),
        ("casefold()", "text"), ("expandtabs(3)", "text"), ("rjust(5, '.')", "text"), ("istitle()", "any"), ("isalnum()", "any"),
        ("split('</think>')[-1].lstrip('\\n')", "text"), ("split('a')[0]", "text"), ("islower()", "any"), ("index('')", "number"),
    ],
    "list": [("count(1)", "number"), ("copy()", "list")],
    "dict": [
        ("get('a')", "any"), ("get('zz', 5)", "any"), ("keys() | list", "list"), ("values() | list", "list"), ("items() | list", "list"),
        ("copy()", "dict"), ("get('name', '')", "text"),
    ],
    "number": [],
    "any": [],
}
SLICES = ["1:", ":2", "::-1", "-2:", ":-1", "::2", "1:3", "3:0:-1", ":", "5:", "-1::-1"]
TYPES = ["text", "number", "list", "dict", "any"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.macros = ["m1"]

    def pick(self, options):
        return self.random.choice(options)

    def chance(self, share):
        return self.random.random() < share

    def literal(self, kind):
        if kind == "text":
            return "'" + self.pick(STRINGS) + "'"
        if kind == "number":
            return self.pick(["0", "1", "2", "3", "7", "10", "0.5", "1.0", "2.75", "1e3", "100", "12"])
        if kind == "list":
            return "[" + ", ".join(self.literal(self.pick(TYPES[:2] + ["any"])) for _ in range(self.random.randrange(4))) + "]"
        if kind == "dict":
            return "{'a': " + self.literal("any") + ", 'name': " + self.literal("text") + "}"
        return self.pick(["true", "false", "none", "''", "0", "[]", "'a'", "1"])

    def expression(self, depth, kind="any"):
        if self.chance(SLIPS):
            kind = self.pick(TYPES)
        if depth <= 0 or self.chance(0.15):
            return self.pick(NAMES[kind]) if self.chance(0.7) else self.literal(kind)
        sub = lambda of: self.expression(depth - 1, of)  # noqa: E731
        choice = self.random.randrange(10)
        if choice == 0:
            return f"({sub(kind)} if {sub('any')} else {sub(kind)})"
        if choice == 1:
            return f"({sub(kind)} {self.pick(['and', 'or'])} {sub(kind)})"
        if choice <= 5:
            return self.chain(depth, kind)
        return getattr(self, "make_" + kind)(depth, sub)

    def chain(self, depth, kind):
        """A filter or method that gives the wanted kind."""
        for _ in range(20):
            source = self.pick(TYPES)
            table, pattern = self.pick([(FILTERS, "({}) | {}"), (METHODS, "({}).{}")])
            options = [name for name, out in table[source] if out == kind]
            if options:
                return "(" + pattern.format(self.expression(depth - 1, source), self.pick(options)) + ")"
        return self.literal(kind)

    def make_text(self, depth, sub):
        return self.pick(
            [
                lambda: f"({sub('text')} + {sub('text')})",
                lambda: f"({sub('any')} ~ {sub('text')} ~ {sub('number')})",
                lambda: f"({sub('text')})[{self.pick(SLICES)}]",
                lambda: f"({sub('text')} * {self.pick('0123')})",
                lambda: f"('%s-%s' % ({sub('any')}, {sub('list')}))",
                lambda: f"'{{}}|{{:>4}}'.format({sub('any')}, {sub('text')})",
                lambda: f"{self.pick(self.macros)}({sub('any')})",
            ]
        )()

    def make_number(self, depth, sub):
        operator = self.pick(["+", "-", "*", "+", "-", "/", "//", "%"])
        right = sub("number") if operator in "+-*" else self.pick(["2", "3", "0.5", "7"])
        return f"({sub('number')} {operator} {right})"

    def make_list(self, depth, sub):
        return self.pick(
            [
                lambda: f"({sub('list')} + {sub('list')})",
                lambda: f"({sub('list')})[{self.pick(SLICES)}]",
                lambda: f"[{sub('any')}, {sub('text')}]",
                lambda: f"(range({self.pick('02345')}) | list)",
                lambda: f"({sub('any')}, {sub('number')})",
            ]
        )()

    def make_dict(self, depth, sub):
        return "{'a': " + sub("any") + ", 'k': " + sub("list") + "}"

    def make_any(self, depth, sub):
        return self.pick(
            [
                lambda: f"({sub('number')} {self.pick(['==', '!=', '<', '>', '<=', '>='])} {sub('number')})",
                lambda: f"({sub('text')} {self.pick(['==', '<', '>=', 'in', 'not in'])} {sub('text')})",
                lambda: f"({sub('any')} {self.pick(['in', 'not in'])} {sub('list')})",
                lambda: f"(not {sub('any')})",
                lambda: self.test(depth),
                lambda: f"({sub('list')})[{self.pick(['0', '-1', '1', '50'])}]",
                lambda: f"({sub('dict')}).{self.pick(['a', 'name', 'zz', 'role'])}",
                lambda: f"({sub('dict')})['{self.pick(['a', 'name', 'zz', 'role'])}']",
                lambda: f"({sub('any')} == {sub('any')})",
            ]
        )()

    def test(self, depth):
        kind = self.pick(TYPES)
        return f"(({self.expression(depth - 1, kind)}) is {self.pick(TESTS[kind] + TESTS['any'])})"

    def tag(self, text):
        open_sign = self.pick(["", "", "", "-", "+"])
        close_sign = self.pick(["", "", "", "-", "+"])
        return "{%" + open_sign + " " + text + " " + close_sign + "%}"

    def space(self):
        return self.pick(["", "", " ", "\n", "  \n", "\n  ", "t ", "\n\n", " u\n"])

    def set_statement(self):
        name, kind = self.pick([("x", "text"), ("y", "text"), ("z", "number"), ("text", "text"), ("nums", "list")])
        if self.chance(0.1):
            return self.tag(f"set x, y = {self.expression(1, 'text')}, {self.expression(1, 'text')}")
        return self.tag(f"set {name} = {self.expression(2, kind)}")

    def statement(self, depth):
        kind = self.random.randrange(16)
        body = lambda: self.block(depth - 1)  # noqa: E731
        if kind <= 4 or depth <= 0:
            return "{{" + self.pick(["", "", "-"]) + " " + self.expression(3, self.pick(TYPES)) + " " + self.pick(["", "", "-"]) + "}}"
        if kind == 5:
            return self.set_statement()
        if kind == 6:
            return self.tag(f"set ns.{self.pick(['a', 'b'])} = {self.expression(2)}")
        if kind in (7, 8):
            otherwise = self.tag("else") + body() if self.chance(0.4) else ""
            middle = self.tag("elif " + self.expression(2)) + body() if self.chance(0.3) else ""
            return self.tag("if " + self.expression(2)) + body() + middle + otherwise + self.tag("endif")
        if kind in (9, 10, 11):
            pairs = self.chance(0.25)
            target = "x, y" if pairs else self.pick(["x", "y", "item"])
            source = self.pick(["d.items()", "nested", "d | dictsort", "{'q': 1} | items"] if pairs else NAMES["list"] + ["uni", "d"])
            if not pairs and self.chance(0.3):
                source = self.expression(1, "list")
            test = " if " + self.expression(1) if self.chance(0.25) else ""
            otherwise = self.tag("else") + body() if self.chance(0.2) else ""
            control = "{% if " + self.expression(1) + " %}{% " + self.pick(["break", "continue"]) + " %}{% endif %}"
            inside = body() + (control if self.chance(0.2) else "") + body()
            return self.tag(f"for {target} in {source}{test}") + inside + otherwise + self.tag("endfor")
        if kind == 12:
            name = self.pick(["m1", "m2"])
            self.macros.append(name)
            default = "=" + self.literal("any") if self.chance(0.5) else ""
            return self.tag(f"macro {name}(x{default})") + body() + self.tag("endmacro")
        if kind == 13:
            chain = " | " + self.pick(["upper", "trim", "length", "replace('a', 'b')"]) if self.chance(0.5) else ""
            return self.tag(f"set {self.pick(['x', 'y'])}{chain}") + body() + self.tag("endset")
        if kind == 14:
            return self.pick(
                [
                    "{#- c -#}", "{# c #}\n", "{% raw %} {{ x }} {% endraw %}", self.tag("generation") + body() + self.tag("endgeneration"),
                    self.tag("filter upper") + body() + self.tag("endfilter"),
                    self.tag("with x = " + self.expression(1)) + body() + self.tag("endwith"),
                ]
            )
        return "{% macro wrap(x) %}[{{ caller() }}{{ x }}]{% endmacro %}" + self.tag("call wrap(" + self.expression(1) + ")") + body() + self.tag("endcall")

    def block(self, depth):
        return "".join(self.space() + self.statement(depth) for _ in range(self.random.randrange(1, 4))) + self.space()

    def template(self):
        return "{% set ns = namespace(a=1, b='q') %}{% macro m1(x, y=2) %}{{ x }}/{{ y }}{% endmacro %}" + self.block(3)


def is_known(ok, expected, reply):
    """Differences that are known and stated in docs/text.md."""
    if re.search(r" object at 0x|built-in method|<class|<function|LoopContext", expected):
        return True  # Python prints addresses.
    # Jinja2 folds a slice of a literal that cannot be sliced to an undefined value; at run time it is an error.
    return ok and not reply["ok"] and bool(re.search("is not subscriptable|unhashable type: 'slice'", reply["error"]))


def main():
    tool = Tool(sys.argv[1])
    end = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 60)
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    counts = collections.Counter()
    while time.monotonic() < end and counts["different"] < 5:
        template = Generator(seed).template()
        ok, expected = render(template, CONTEXT)
        reply = tool.render(template, CONTEXT)
        if not reply["ok"] and reply["kind"] == "unsupported":
            counts["refused"] += 1
        elif differs(ok, expected, reply) and not is_known(ok, expected, reply):
            counts["different"] += 1
            print(f"seed {seed}\n{template}\n--- expected {'' if ok else 'ERROR '}{expected!r}\n--- got {json.dumps(reply, ensure_ascii=False)}\n")
        else:
            counts["text" if ok else "error"] += 1
        seed += 1
    print(dict(counts), "next seed", seed)
    return counts["different"] != 0


if __name__ == "__main__":
    sys.exit(main())
