#!/usr/bin/python3
"""A client of linnetd in one file, written from docs/mqtt.md: asks a device and prints its answer as it comes.

usage: mqtt_client.py HOST PORT GROUP NODE WHO PROMPT

Needs paho-mqtt (Debian: python3-paho-mqtt). Exit code: 0 where the outcome is `done`, else 1.
"""
import hashlib
import json
import queue
import sys
import time
import uuid

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ACCEPT_SECONDS = 5  # T of the requester's rule: nobody accepted within it, so ask again.


class Device:
    def __init__(self, host, port, group, node, who):
        self.base, self.who = f"linnet/1/{group}/{node}", who
        self.inbox = queue.Queue()
        self.client = mqtt.Client(f"example-{uuid.uuid4().hex[:12]}", protocol=mqtt.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _client, _data, message: self.inbox.put(message)
        self.client.connect(host, int(port))
        self.client.loop_start()

    def _on_connect(self, client, _data, _flags, _reason, _properties):
        client.subscribe([(f"{self.base}/rsp/{self.who}/+", 1), (f"{self.base}/birth", 1)])

    def send(self, operation, request, args, answers_to):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"{self.base}/rsp/{self.who}/{answers_to}"
        properties.CorrelationData = answers_to.encode()
        body = json.dumps({"id": request, "args": args})
        self.client.publish(f"{self.base}/req/{self.who}/{operation}", body, qos=1, properties=properties)

    def infer(self, prompt, show, seconds=300):
        """The outcome of one request; `show` gets the text piece by piece, each once, in order."""
        request, args = uuid.uuid4().hex, {"prompt": prompt}
        give_up, ask_at, accepted, epoch = time.monotonic() + seconds, 0.0, False, None
        chunks, whole, shown = {}, 0, ""
        while time.monotonic() < give_up:
            if not accepted and time.monotonic() >= ask_at:
                self.send("infer", request, args, request)
                ask_at = time.monotonic() + ACCEPT_SECONDS
            try:
                message = self.inbox.get(timeout=0.2)
            except queue.Empty:
                continue
            said = json.loads(message.payload)
            if message.topic.endswith("/birth"):  # Another run of the device: it may not know what we asked.
                accepted, epoch = accepted and epoch in (None, said["epoch"]), said["epoch"]
                continue
            if said["id"] not in (request, "") or message.properties.CorrelationData != request.encode():
                continue
            if "seq" in said:
                chunks[said["seq"]] = said["text"]
                while whole in chunks:
                    show(chunks[whole])
                    shown, whole = shown + chunks[whole], whole + 1
                if whole < said["seq"]:  # One before it is missing.
                    self.send("replay", uuid.uuid4().hex, {"id": request, "from_seq": whole}, request)
            elif said["status"] == "accepted":
                accepted = True
            else:
                text = said.get("text", "")
                if text and hashlib.sha256(text.encode()).hexdigest() != said["sha256"]:
                    raise ValueError("the answer was changed on its way")
                show(text[len(shown):])
                return said
        raise TimeoutError(f"no outcome of {request} within {seconds} s")


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    outcome = Device(*sys.argv[1:6]).infer(sys.argv[6], lambda piece: print(piece, end="", flush=True))
    print(f"\n{outcome['status']}: {outcome.get('tokens', 0)} tokens {outcome.get('reason', '')}".rstrip())
    sys.exit(0 if outcome["status"] == "done" else 1)


if __name__ == "__main__":
    main()
