"""Jinja2 set up as Hugging Face's `apply_chat_template` does: the reference of every golden here.

Written after the description of transformers.utils.chat_template_utils; the `namespace` and `dict` of version 5 included.
"""
import datetime
import functools
import json

import jinja2
import jinja2.ext
import jinja2.sandbox
import jinja2.utils

NOW = datetime.datetime(2025, 7, 26, 14, 5, 9, 250000)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            Namespace._check(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        Namespace._check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def _check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError("underscore in a namespace")


class Raised(jinja2.exceptions.TemplateError):
    """What raise_exception raises."""


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment(now=NOW):
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: now.strftime(form)
    env.globals["namespace"] = Namespace
    return env


@functools.lru_cache(maxsize=8)
def compiled(template, now):
    return environment(now).from_string(template)


def render(template, context, now=NOW):
    """(True, text) or (False, message); a message of raise_exception starts with "raised: "."""
    try:
        text = compiled(template, now).render(**context)
        text.encode("utf-8")
        return True, text
    except Raised as error:
        return False, f"raised: {error.message}"
    except RecursionError:
        return False, "RecursionError"
    except Exception as error:  # Whatever Python raises is an error of the template.
        return False, f"{type(error).__name__}: {error}"
