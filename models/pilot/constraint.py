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
ITEM = regex.compile(r'"((?:[^"\\]|\\.)*\\?)(":?|$)|([\[\]])')  # a string, whether it is closed or a key; or a bracket


@functools.cache
def structure(intents, types):
    slot = rf'"{any_of(types)}":(?:{STRING}|\[{STRING}(?:,{STRING})+\])'
    return regex.compile(rf'\{{"intent":"{any_of(intents)}","slots":\{{(?:{slot}(?:,{slot})*)?\}}\}}')


def values(answer):
    """(text, is closed) of each slot value of an answer's beginning."""
    rest = answer.partition('"slots":{')[2]
    in_array = False
    for item in ITEM.finditer(rest):
        text, end, bracket = item.groups()
        if bracket:
            in_array = bracket == "["
        elif end != '":' and (in_array or rest[:item.start()].endswith(":")):
            yield text, end == '"'


class Constraint:
    """The answers that one sentence admits."""

    def __init__(self, sentence, intents, types):
        self.structure = structure(tuple(intents), tuple(types))
        self.spans = {json.dumps(s, ensure_ascii=False)[1:-1] for s in word_spans(sentence.strip())}
        self.beginnings = {span[:i] for span in self.spans for i in range(len(span) + 1)}

    def allows(self, prefix):
        return self.structure.fullmatch(prefix, partial=True) is not None and all(
            text in (self.spans if closed else self.beginnings) for text, closed in values(prefix))

    def complete(self, text):
        return text.endswith("}}") and self.structure.fullmatch(text) is not None


def grammar_text(intents, types):
    """GBNF with one rule of Linnet's own, `%copy-words`: a JSON-escaped whole-word span of the user's last message."""
    def choice(options):
        return " | ".join(f'"{o}"' for o in options)

    return "\n".join([
        '# The pilot\'s answers. %copy-words is a whole-word span of the last user message, JSON-escaped.',
        r'root   ::= "{\"intent\":\"" intent "\",\"slots\":{" ( slot ( "," slot )* )? "}}"',
        r'slot   ::= "\"" type "\":" ( string | "[" string ( "," string )+ "]" )',
        r'string ::= "\"" %copy-words "\""',
        f"intent ::= {choice(intents)}",
        f"type   ::= {choice(types)}", ""])
