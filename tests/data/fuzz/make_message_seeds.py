"""Writes the seeds of fuzz_message: what a client may send linnetd, well and badly.

    python make_message_seeds.py
"""

import hashlib
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "message"
OWN = "linnet/1/home/n1/"
SCHEMA = {"type": "object", "properties": {"a": {"enum": [1, "x"]}}, "required": ["a"], "additionalProperties": False}

ARGUMENTS = {
    "infer": {"prompt": "say", "temperature": 0.5, "top_k": 3, "top_p": 0.9, "min_p": 0.1, "repeat_penalty": 1.1, "seed": 7,
              "stop": ["."], "max_tokens": 3, "schema": SCHEMA},
    "embed": {"texts": ["one", "two"], "model": "tiny"},
    "cancel": {"id": "infer1"},
    "replay": {"id": "infer1", "from_seq": 0},
    "status": {},
    "models": {},
    "load": {"model": "tiny"},
    "unload": {"model": "tiny"},
    "swap": {"model": "tiny"},
    "gpio": {"line": "LAMP", "active": True},
    "audit": {"last": 3},
    "rebirth": {},
}


def message(who, operation, body, topic=None, response="", correlation="c", expiry="", flags=""):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    topic = topic or f"{OWN}req/{who}/{operation}"
    return b"\x1f".join([topic.encode(), payload, response.encode(), correlation.encode(), expiry.encode(), flags.encode()])


def save(*messages):
    data = b"\x1e".join(messages)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main():
    for operation, arguments in ARGUMENTS.items():
        save(*[message(who, operation, {"id": operation + "1", "args": arguments}) for who in ("alice", "bob", "eve", "mallory")])
    chat = {"id": "m", "stream": False, "durable": True, "prio": "high", "deadline_ms": 1000, "reply_topic": OWN + "rsp/bob/x",
            "args": {"messages": [{"role": "user", "content": "hi"}], "response": "json", "reasoning": "hide",
                     "max_reasoning_tokens": 4}}
    save(message("bob", "infer", chat, flags="w"), message("bob", "infer", chat), message("bob", "cancel", {"id": "k", "args": {"id": "m"}}))
    waiting = [message("alice", "infer", {"id": f"w{i}", "prio": "low", "args": {"prompt": "x"}}, flags="w") for i in range(6)]
    save(*waiting, message("bob", "cancel", {"id": "theirs", "args": {"id": "w1"}}), message("alice", "cancel", {"id": "own", "args": {"id": "w1"}}))
    plain = {"id": "p", "args": {"prompt": "x"}}
    save(message("bob", "infer", plain, response=OWN + "rsp/alice/x"), message("bob", "infer", plain, response="other/place"),
         message("bob", "infer", plain, response=OWN + "rsp/bob/#"), message("bob", "infer", plain, correlation="c" * 65))
    save(message("", "", plain, topic="linnet/1/home/pool/tiny/bob/infer"), message("", "", plain, topic="linnet/1/home/pool/tiny/bob/gpio"),
         message("", "", plain, topic="linnet/1/home/n2/req/bob/infer"), message("", "", plain, topic=OWN + "req/bob/infer/more"))
    save(message("bob", "infer", plain, expiry="0", flags="w"), message("bob", "infer", plain, flags="r"), message("bob", "infer", plain, expiry="9"))
    for broken in (b"", b"{", b"[" * 500, b'{"id":"\xff","args":{}}', b'{"id":"a","args":{"prompt":"\\ud800"}}', b'{"id":"a","id":"b"}',
                   b'{"id":"a","args":{"prompt":1e999}}', b'{"id":"a","args":{"prompt":"x","max_tokens":-1}}', b'{"id":"a","frob":1}'):
        save(message("alice", "infer", broken))


main()
