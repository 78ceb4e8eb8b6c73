"""Validates random texts of the grammars that Linnet makes of random JSON schemas, with the PyPI package jsonschema.

    python check_schemas.py --binary BUILD/bin/schema_samples [--count 1000] [--seed 1]

Prints how many texts validate and how many schemas were refused. Exits 1 where one does not validate, or where more than
one in ten schemas was refused.
"""

import argparse
import json
import random
import subprocess
import sys

import jsonschema

PATTERNS = ["^[a-z]{2,5}$", "^(foo|ba[rz])$", "[0-9]+", "^\\d{4}-\\d{2}$", "^a.c$", "^[^a-z]{1,3}$", "\\w+@\\w+", "^x|y$",
            "^\\S{1,4}\\s?\\W$", "^[\\u00e0-\\u00ff]{2}$", "^\"\\\\/?$", "^(?:ab)*c{2,}$", "^[^\\d]{2}$"]
FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "email", "unknown-format"]
WORDS = ["name", "size", "a b", "ü", "quote\"", "back\\slash", "x/y", "~tilde", "", "on"]


def scalar(rng):
    return rng.choice([None, True, False, 0, -7, 12345, 1.5, "on", "off", "ä\"\\\n", "", [1, "a"], {"k": [None]}])


def number(rng, kind):
    schema = {"type": kind}
    low = rng.choice([None, None, -1000, -21, -1, 0, 1, 7, 99, 100])
    width = rng.choice([0, 1, 5, 90, 1000, 123456])
    if low is not None:
        schema["minimum" if rng.random() < 0.7 else "exclusiveMinimum"] = low
    if rng.random() < 0.5:
        schema["maximum" if rng.random() < 0.7 else "exclusiveMaximum"] = (low or 0) + width + 2
    return schema


def string(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return {"type": "string", "pattern": rng.choice(PATTERNS)}
    if kind == 1:
        return {"type": "string", "format": rng.choice(FORMATS)}
    schema = {"type": "string"}
    if rng.random() < 0.5:
        schema["minLength"] = rng.randint(0, 4)
    if rng.random() < 0.5:
        schema["maxLength"] = schema.get("minLength", 0) + rng.randint(0, 20)
    return schema


def array(rng, depth):
    schema = {"type": "array"}
    if rng.random() < 0.25:
        schema["prefixItems"] = [any_schema(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        schema["minItems"] = rng.randint(0, len(schema["prefixItems"]))
        return schema
    if rng.random() < 0.9:
        schema["items"] = any_schema(rng, depth + 1)
    if rng.random() < 0.5:
        schema["minItems"] = rng.randint(0, 3)
    if rng.random() < 0.5:
        schema["maxItems"] = schema.get("minItems", 0) + rng.randint(0, 4)
    return schema


def object_(rng, depth):
    if rng.random() < 0.15:
        return {"type": "object", "additionalProperties": any_schema(rng, depth + 1)}
    names = rng.sample(WORDS, rng.randint(1, 5))
    schema = {"type": "object", "properties": {name: any_schema(rng, depth + 1) for name in names}}
    if rng.random() < 0.8:
        schema["required"] = [name for name in names if rng.random() < 0.6]
    if rng.random() < 0.6:
        schema["additionalProperties"] = False
    return schema


def one_of(rng, depth):
    if rng.random() < 0.5:
        return {"oneOf": [{"type": "string", "maxLength": 3}, number(rng, "integer"), {"type": "null"}]}
    return {"oneOf": [{"type": "object", "properties": {"kind": {"const": kind}, "value": any_schema(rng, depth + 1)},
                       "required": ["kind"]} for kind in ("a", "b")]}


def any_schema(rng, depth=0):
    kinds = ["number", "integer", "string", "string", "enum", "const", "boolean", "types", "true"]
    if depth < 4:
        kinds += ["object", "object", "object", "array", "array", "anyOf", "oneOf", "ref"]
    kind = rng.choice(kinds)
    if kind in ("number", "integer"):
        return number(rng, kind)
    if kind == "string":
        return string(rng)
    if kind == "enum":
        return {"enum": [scalar(rng) for _ in range(rng.randint(1, 4))]}
    if kind == "const":
        return {"const": scalar(rng), "description": "fixed"}
    if kind == "boolean":
        return {"type": "boolean", "default": False}
    if kind == "types":
        return {"type": rng.sample(["string", "number", "boolean", "null", "array", "object"], 2)}
    if kind == "true":
        return rng.choice([True, {}])
    if kind == "object":
        return object_(rng, depth)
    if kind == "array":
        return array(rng, depth)
    if kind == "anyOf":
        return {"anyOf": [any_schema(rng, depth + 1) for _ in range(rng.randint(1, 3))]}
    if kind == "oneOf":
        return one_of(rng, depth)
    return {"$ref": rng.choice(["#/$defs/tree", "#/$defs/short"])}


def schema_for(rng):
    schema = object_(rng, 0) if rng.random() < 0.7 else any_schema(rng)
    if schema is True:
        schema = {}
    schema["$defs"] = {"short": {"type": "string", "maxLength": 4},
                       "tree": {"type": "object", "properties": {"v": {"type": "integer"},
                                                                 "next": {"$ref": "#/$defs/tree"}}, "required": ["v"]}}
    return schema


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    schemas = [schema_for(rng) for _ in range(arguments.count)]
    data = "".join(json.dumps(s, ensure_ascii=False) + "\n" for s in schemas).encode()
    answers = subprocess.run([arguments.binary], input=data, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    valid, refused, wrong = 0, 0, 0
    for schema, answer in zip(schemas, answers):
        kind, _, text = answer.partition(" ")
        if kind == "refused":
            refused += 1
            if refused <= 5:
                print("refused:", text)
            continue
        try:
            jsonschema.Draft202012Validator(schema).validate(json.loads(text))
            valid += 1
        except (ValueError, jsonschema.ValidationError) as error:
            wrong += 1
            if wrong <= 5:
                print("WRONG:", json.dumps(schema), "\n  ", text[:300], "\n  ", str(error).split("\n")[0])
    print(f"{len(schemas)} schemas: {valid} texts validate, {wrong} do not, {refused} schemas were refused")
    return 1 if wrong or refused * 10 > len(schemas) else 0


if __name__ == "__main__":
    sys.exit(main())
