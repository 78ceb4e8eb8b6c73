"""Writes runtime/text/unicode_differences.inc: where Hugging Face's tokenizers and our Unicode libraries disagree.

    python make_unicode_differences.py > ../../../runtime/text/unicode_differences.inc

PCRE2 and utf8proc of Debian 12 know Unicode 14 and 15, the expressions of `tokenizers` 0.23 Unicode 16, its BERT
classes one from before Unicode 9. Needs libpcre2-8.so.0, libutf8proc.so.2 and the PyPI package tokenizers.
"""

import ctypes as c

from tokenizers import Regex, normalizers, pre_tokenizers

UTF8PROC = c.CDLL("libutf8proc.so.2")
PCRE2 = c.CDLL("libpcre2-8.so.0")
PCRE2.pcre2_compile_8.restype = c.c_void_p
PCRE2.pcre2_compile_8.argtypes = [c.c_char_p, c.c_size_t, c.c_uint32, c.c_void_p, c.c_void_p, c.c_void_p]
PCRE2.pcre2_match_data_create_8.restype = c.c_void_p
PCRE2.pcre2_match_data_create_8.argtypes = [c.c_uint32, c.c_void_p]
PCRE2.pcre2_match_8.argtypes = [c.c_void_p, c.c_char_p, c.c_size_t, c.c_size_t, c.c_uint32, c.c_void_p, c.c_void_p]
UTF, UCP, ANCHORED, NO_CHECK = 0x80000, 0x20000, 0x80000000, 0x40000000
MATCH = PCRE2.pcre2_match_data_create_8(1, None)
POINTS = [p for p in range(0x80, 0x110000) if not 0xD800 <= p <= 0xDFFF]

# Characters of the same category and length in UTF-8 that every version knows and no expression names. Those of three
# bytes come in two sorts: DeepSeek's expressions take U+0800 to U+4E00 together.
STAND_INS = {
    (3, True): {"Lu": 0x10C7, "Ll": 0x2D00, "Lo": 0x0904, "Mn": 0x0900, "Mc": 0x0903, "P": 0x0970, "S": 0x09F2},
    (3, False): {"Lu": 0xA7AE, "Ll": 0xA7AF, "Lm": 0xA788},
    (4, False): {"Lu": 0x1D400, "Ll": 0x1D41A, "Lm": 0x16F93, "Lo": 0x20000, "Mn": 0x101FD, "Mc": 0x11000,
                 "Nd": 0x1D7CE, "Nl": 0x10140, "No": 0x10107, "P": 0x10100, "S": 0x1D100},
}


def pcre_set(expression):
    text = expression.encode()
    error, place = c.c_int(), c.c_size_t()
    code = PCRE2.pcre2_compile_8(text, len(text), UTF | UCP, c.byref(error), c.byref(place), None)
    found = set()
    for p in POINTS:
        data = chr(p).encode()
        if PCRE2.pcre2_match_8(code, data, len(data), 0, ANCHORED, MATCH, None) >= 0:
            found.add(p)
    return found


def reference_set(expression):
    split = pre_tokenizers.Split(Regex(expression), "removed")
    return {p for p in POINTS if not split.pre_tokenize_str(chr(p))}


def ranges(points):
    out = []
    for p in sorted(points):
        if out and p == out[-1][1] + 1:
            out[-1][1] = p
        else:
            out.append([p, p])
    return out


def print_ranges(name, comment, points):
    print(f"// {comment}\nconstexpr CodeRange {name}[] = {{")
    for first, last in ranges(points):
        print(f"    {{0x{first:X}, 0x{last:X}}},")
    print("};\n")


def stand_ins():
    rows = []
    for category in ("Lu", "Ll", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "No", "P", "S"):
        missing = reference_set(rf"\p{{{category}}}") - pcre_set(rf"\p{{{category}}}")
        for first, last in ranges(missing):
            key = (len(chr(first).encode()), 0x800 <= first <= 0x4E00)
            rows.append((first, last, STAND_INS[key][category]))
    print("// Characters newer than PCRE2's tables, and an older one of the same category and length.")
    print("constexpr StandIn kStandIns[] = {")
    for first, last, stand_in in sorted(rows):
        print(f"    {{0x{first:X}, 0x{last:X}, 0x{stand_in:X}}},")
    print("};\n")


def bert():
    category = {p: UTF8PROC.utf8proc_category(p) for p in POINTS}
    plain = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    accents = normalizers.BertNormalizer(lowercase=False, strip_accents=True)
    punctuation = pre_tokenizers.BertPreTokenizer()
    marks = {p for p in POINTS if category[p] == 6}
    kept = {p for p in marks if chr(p) in accents.normalize_str("a" + chr(p))}
    print_ranges("kNotMarks", "Marks (Mn) that the reference does not know as such: they are not taken off.", kept)
    formats = {p for p in POINTS if category[p] in (26, 27, 29) and chr(p) in plain.normalize_str("a" + chr(p) + "b")}
    print_ranges("kNotDropped", "Format characters that it keeps.", formats)
    points = {p for p in POINTS if len(punctuation.pre_tokenize_str("a" + chr(p) + "b")) == 3}
    ours = {p for p in POINTS if 12 <= category[p] <= 18}
    print_ranges("kNotPunctuation", "Punctuation that it takes for parts of words.", ours - points)
    print_ranges("kAlsoPunctuation", "What it takes for punctuation besides.", points - ours)


print("// Made by tests/data/text/make_unicode_differences.py; do not edit.\n")
stand_ins()
bert()
