"""What the shipped grammar allows, as a test on text: `allows(prefix)` says whether an answer can start so.

Equivalent of grammar.gbnf for evaluation in Python; `%copy-words` becomes the list of whole-word spans of the sentence.
"""

import functools
import json

import regex

WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]")


def word_spans(text):
    """Every substring that starts and ends at a word's edge (a position whose two sides are not both word characters)
    and neither starts nor ends with white space."""
    def edge(i):
        return i in (0, len(text)) or not (WORD.match(text[i - 1]) and WORD.match(text[i]))

    starts = [i for i in range(len(text)) if edge(i) and not text[i].isspace()]
    ends = [i for i in range(1, len(text) + 1) if edge(i) and not text[i - 1].isspace()]
    return [text[s:e] for s in starts for e in ends if s < e]


def any_of(options):
    return "(?:" + "|".join(map(regex.escape, options)) + ")"


STRING = r'"(?:[^"\\\p{Cc}]|\\.)*"'
# A string, whether it is closed or a key; or a bracket.
ITEM = regex.compile(r'"((?:[^"\\]|\\.)*\\?)(":?|$)|([\[\]])')


@functools.cache
def structure(intents, types):
    slot = rf'"{any_of(types)}":(?:{STRING}|\[{STRING}(?:,{STRING})+\])'
    return regex.compile(rf'\{{"intent":"{any_of(intents)}","slots":\{{(?:{slot}(?:,{slot})*)?\}}\}}')


def strings(answer):
    """(text, is closed, is a key) of each string in the slots of an answer's beginning."""
    rest = answer.partition('"slots":{')[2]
    in_array = False
    for item in ITEM.finditer(rest):
        text, end, bracket = item.groups()
        if bracket:
            in_array = bracket == "["
        else:
            yield text, end != "", end == '":' or not (in_array or rest[:item.start()].endswith(":"))


class Constraint:
    """The answers that one sentence admits."""

    def __init__(self, sentence, intents, types):
        self.types, self.structure = types, structure(tuple(intents), tuple(types))
        self.spans = {json.dumps(s, ensure_ascii=False)[1:-1] for s in word_spans(sentence.strip())}
        self.beginnings = {span[:i] for span in self.spans for i in range(len(span) + 1)}

    def allows(self, prefix):
        if self.structure.fullmatch(prefix, partial=True) is None:
            return False
        left = set(self.types)
        for text, closed, is_key in strings(prefix):
            if not is_key:
                fits = text in (self.spans if closed else self.beginnings)
            else:
                fits = text in left if closed else any(t.startswith(text) for t in left)
                left.discard(text if closed else None)
            if not fits:
                return False
        return True

    def complete(self, text):
        return text.endswith("}}") and self.structure.fullmatch(text) is not None


def grammar_text(intents, types):
    """GBNF with two rules of Linnet's own: `%copy-words`, a JSON-escaped whole-word span of the user's last message, and
    `%once-NAME`, which takes nothing and is passed at most once in an answer."""
    def keys(before):
        return " | ".join(rf'%once-{t} "{before}\"{t}\":"' for t in types)

    return "\n".join([
        '# The pilot\'s answers. %copy-words is a whole-word span of the last user message, JSON-escaped.',
        "# %once-NAME is passed at most once: no key comes twice.",
        r'root   ::= "{\"intent\":\"" intent "\",\"slots\":{" ( first value ( next value )* )? "}}"',
        r'value  ::= string | "[" string ( "," string )+ "]"',
        r'string ::= "\"" %copy-words "\""',
        "intent ::= " + " | ".join(f'"{i}"' for i in intents),
        f"first  ::= {keys('')}",
        f"next   ::= {keys(',')}", ""])
