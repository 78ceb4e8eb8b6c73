"""Conversations that every chat template is rendered with."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather <now> & \"later\"",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "The city, e.g. Zürich"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                    "days": {"type": "integer"},
                },
                "required": ["city"],
            },
            "return": {"type": "string"},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "set_light",
            "description": "Switch a light.",
            "parameters": {
                "type": "object",
                "properties": {
                    "rooms": {"type": "array", "items": {"type": "string"}},
                    "on": {"type": "boolean", "nullable": True},
                    "level": {"type": "number", "minimum": 0.5, "maximum": 1e20},
                    "more": {"type": ["string", "null"]},
                    "nested": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
                "required": [],
            },
        },
    },
]


def call(name, arguments, identity="call00001", text=False):
    import json

    return {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments) if text else arguments},
    }


SYSTEM = {"role": "system", "content": "You are a careful assistant."}
HELLO = {"role": "user", "content": "Hello, how are you?"}
FINE = {"role": "assistant", "content": "Fine, thank you."}
MORE = {"role": "user", "content": "  What can you do?\n"}


def tool_turns(text, content, split_calls):
    first = call("get_weather", {"city": "Zürich", "days": 2}, "call00001", text)
    second = call("set_light", {"rooms": ["hall", "attic"], "on": True, "level": 0.5}, "call00002", text)
    calls = [first] if split_calls else [first, second]
    turns = [
        {"role": "user", "content": "Weather in Zürich?"},
        {"role": "assistant", "content": content, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": '{"temperature": 21.5}'},
    ]
    if not split_calls:
        turns.append({"role": "tool", "tool_call_id": "call00002", "name": "set_light", "content": "done"})
    return turns + [{"role": "assistant", "content": "It is 21.5 °C."}, {"role": "user", "content": "Thanks"}]


def conversations():
    """Pairs of a name and the variables of a render: messages, and what differs from the defaults."""
    yield "user", {"messages": [HELLO]}
    yield "system", {"messages": [SYSTEM, HELLO]}
    yield "no_prompt", {"messages": [SYSTEM, HELLO, FINE], "add_generation_prompt": False}
    yield "turns", {"messages": [HELLO, FINE, MORE]}
    yield "system_turns", {"messages": [SYSTEM, HELLO, FINE, MORE, FINE, HELLO]}
    yield "empty_content", {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": ""}]}
    yield "empty_answer", {"messages": [HELLO, {"role": "assistant", "content": ""}, MORE]}
    yield "no_messages", {"messages": []}
    yield "two_users", {"messages": [HELLO, MORE]}
    yield "assistant_first", {"messages": [FINE, HELLO]}
    yield "late_system", {"messages": [HELLO, SYSTEM, MORE]}
    yield "unicode", {"messages": [{"role": "user", "content": "Grüße, 你好 👩‍👩‍👧 مرحبا\u00a0\u2003"}, FINE, MORE]}
    yield "braces", {"messages": [{"role": "user", "content": "{{ x }} {% if %} {# #} }} <|im_end|> \\n \"q\" 'q'"}]}
    yield "tools", {"messages": [HELLO], "tools": TOOLS}
    yield "tools_system", {"messages": [SYSTEM, HELLO, FINE, MORE], "tools": TOOLS}
    yield "one_tool", {"messages": [SYSTEM, HELLO], "tools": TOOLS[:1]}
    yield "no_tools", {"messages": [SYSTEM, HELLO], "tools": []}
    for text in (False, True):
        kind = "text" if text else "object"
        for name, content in (("null", None), ("empty", ""), ("content", "Let me see.")):
            yield f"calls_{kind}_{name}", {"messages": [SYSTEM] + tool_turns(text, content, True), "tools": TOOLS}
            yield f"two_calls_{kind}_{name}", {"messages": tool_turns(text, content, False), "tools": TOOLS}
    calls = {"role": "assistant", "tool_calls": [call("get_weather", {"city": "Rome"})]}
    yield "calls_without_content", {"messages": [HELLO, calls], "tools": TOOLS}
    yield "ends_with_tool", {"messages": tool_turns(False, "", True)[:3], "tools": TOOLS}
    yield "calls_without_tools", {"messages": tool_turns(False, "", True)}
    thought = {"role": "assistant", "content": "<think>\nOne and one…\n</think>\n\nTwo."}
    apart = {"role": "assistant", "content": "Two.", "reasoning_content": "One and one…", "thinking": "One and one…"}
    yield "think_inline", {"messages": [HELLO, thought, MORE]}
    yield "think_apart", {"messages": [SYSTEM, HELLO, apart, MORE]}
    yield "think_last", {"messages": [HELLO, apart], "add_generation_prompt": False}
    yield "think_off", {"messages": [HELLO], "enable_thinking": False, "thinking": False}
    yield "think_on", {"messages": [SYSTEM, HELLO, thought, MORE], "enable_thinking": True, "thinking": True}
    parts = [{"type": "text", "text": "Part one."}, {"type": "text", "text": " Part two. "}]
    yield "parts", {"messages": [{"role": "user", "content": parts}, FINE, MORE]}
    yield "image", {"messages": [{"role": "user", "content": parts + [{"type": "image", "image": "x.png"}]}]}
    yield "all_parts", {"messages": [{"role": "system", "content": parts}, {"role": "user", "content": parts}]}
    yield "developer", {"messages": [{"role": "developer", "content": "Be brief."}, HELLO], "tools": TOOLS}
    yield "documents", {"messages": [HELLO], "documents": [{"title": "A", "text": "Text of A"}, {"title": "B", "text": "B"}]}
    yield "other_role", {"messages": [{"role": "narrator", "content": "Once upon a time"}, HELLO]}
    yield "extra", {
        "messages": [SYSTEM, HELLO],
        "reasoning_effort": "high",
        "date_string": "01 Jan 2025",
        "model_identity": "You are Linnet.",
        "builtin_tools": ["browser", "python"],
        "tools_in_user_message": False,
        "tools": TOOLS,
    }


def context_of(given, bos="<s>", eos="</s>"):
    """The variables as apply_chat_template passes them."""
    context = {"tools": None, "documents": None, "add_generation_prompt": True, "bos_token": bos, "eos_token": eos}
    context.update(given)
    return context
