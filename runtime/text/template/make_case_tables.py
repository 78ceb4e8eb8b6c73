#!/usr/bin/env python3
"""Writes case_tables.inc: what Python's str knows of characters beyond utf8proc's simple mappings and categories.

Usage: python3 make_case_tables.py > case_tables.inc   (any Python from 3.11 on; these parts of Unicode are stable)
"""
import unicodedata

EVERY = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(code_points):
    result = []
    for c in code_points:
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def print_ranges(name, comment, code_points):
    print(f"// {comment}")
    print(f"constexpr Range {name}[] = {{")
    for first, last in ranges(code_points):
        print(f"    {{0x{first:X}, 0x{last:X}}},")
    print("};\n")


def print_expansions(name, comment, method):
    print(f"// {comment}")
    print(f"constexpr Expansion {name}[] = {{")
    for c in EVERY:
        mapped = [ord(m) for m in method(chr(c))]
        if len(mapped) > 1:
            mapped += [0] * (3 - len(mapped))
            print(f"    {{0x{c:X}, {{{', '.join(f'0x{m:X}' for m in mapped)}}}}},")
    print("};\n")


print("// Made by make_case_tables.py; do not edit.\n")
print_expansions("kUpper", "Characters whose upper case is several.", str.upper)
print_expansions("kTitle", "Characters whose title case is several.", str.title)
category = unicodedata.category
print_ranges("kOtherLower", "Lower case by property, not by category Ll.",
             [c for c in EVERY if chr(c).islower() and category(chr(c)) != "Ll"])
print_ranges("kOtherUpper", "Upper case by property, not by category Lu.",
             [c for c in EVERY if chr(c).isupper() and category(chr(c)) != "Lu"])
print_ranges("kOtherDigit", "Digits by property, not by category Nd.",
             [c for c in EVERY if chr(c).isdigit() and category(chr(c)) != "Nd"])
print_ranges("kOtherNumeric", "Numeric by property, not by a category of numbers.",
             [c for c in EVERY if chr(c).isnumeric() and category(chr(c)) not in ("Nd", "Nl", "No")])
