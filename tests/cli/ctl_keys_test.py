"""`linnet ctl keys` and packaging/mosquitto: who gets in with which certificate, and what the rules allow then."""

import json
import os
import pathlib
import shutil
import ssl
import stat
import subprocess
import time
import unittest

import ctl_test
import support

paho, MOSQUITTO = ctl_test.paho, ctl_test.MOSQUITTO
PACKAGING = pathlib.Path(support.SOURCE) / "packaging/mosquitto"


@unittest.skipUnless(paho and MOSQUITTO and shutil.which("openssl"), "paho-mqtt, mosquitto or openssl is not installed")
class KeyTest(support.CommandTest):
    """A folder of certificates."""

    def setUp(self):
        super().setUp()
        self.keys = self.path("keys")
        self.made = self.linnet("ctl", "keys", self.keys, "kitchen", "cellar", "panel", "spy")
        self.assertEqual(self.made.returncode, 0, self.made.stderr)

    def key_file(self, name):
        return os.path.join(self.keys, name)


class Keys(KeyTest):
    def test_keys_are_private_and_certificates_hold(self):
        for name in os.listdir(self.keys):
            if name.endswith(".key"):
                self.assertEqual(stat.S_IMODE(os.stat(self.key_file(name)).st_mode), 0o600, name)
        self.assertEqual(stat.S_IMODE(os.stat(self.keys).st_mode), 0o700)
        for name, purpose in (("broker", "sslserver"), ("panel", "sslclient")):
            check = subprocess.run(["openssl", "verify", "-CAfile", self.key_file("ca.crt"), "-purpose", purpose,
                                    "-x509_strict", self.key_file(f"{name}.crt")], capture_output=True, text=True)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertEqual(sorted(name for name in os.listdir(self.keys) if name.startswith(".")), [], "nothing is left behind")

    def test_names_that_topics_cannot_hold_are_refused(self):
        for name in ("pool", "ca", "broker", "A", "a/b", "+", "", "a" * 64):
            self.refused(2, "ctl", "keys", self.keys, name)
        self.refused(5, "ctl", "keys", self.keys, "panel", says="there already")
        self.refused(2, "ctl", "keys", self.path("other"), "x", "--broker", "a\nb")

    def test_more_names_come_from_the_same_authority(self):
        authority = pathlib.Path(self.key_file("ca.crt"))
        before = authority.read_bytes()
        self.assertEqual(self.linnet("ctl", "keys", self.keys, "late").returncode, 0)
        self.assertEqual(authority.read_bytes(), before)
        self.assertTrue(os.path.exists(self.key_file("late.crt")))

    def test_without_openssl_the_package_is_named(self):
        run = self.linnet("ctl", "keys", self.path("k2"), environment={"PATH": "/nonexistent"})
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"install the package openssl", run.stderr)


class Rules(KeyTest):
    """The shipped configuration in a real mosquitto, with paths and the port of this test."""

    def setUp(self):
        super().setUp()
        self.port = ctl_test.free_port()
        rules = (PACKAGING / "linnet.acl").read_text() + "\nuser kitchen\ntopic read linnet/1/+/pool/+/+/infer\n"
        text = (PACKAGING / "linnet.conf").read_text()
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/etc/mosquitto/certs/linnet", self.keys)
        text = text.replace("/etc/mosquitto/linnet.acl", self.path("linnet.acl", rules))
        if os.geteuid() == 0:
            text += "\nuser root\n"  # The keys of this test are root's alone.
        self.assertNotIn("/etc/", "".join(line for line in text.splitlines() if not line.startswith("#")))
        ctl_test.Ctl.start_broker(self, self.path("mosquitto.conf", text))

    def connection(self, name, filters=()):
        """A paho client with that certificate; what it receives is in `.heard`."""
        client = paho.Client(f"test-{name}", protocol=paho.MQTTv5)
        client.heard, ready = [], []
        client.on_message = lambda _c, _u, message: client.heard.append((message.topic, message.payload))
        client.on_connect = lambda *_: ready.append(True)
        client.tls_set(self.key_file("ca.crt"), self.key_file(f"{name}.crt"), self.key_file(f"{name}.key"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.until(lambda: ready)
        for topic_filter in filters:
            client.subscribe(topic_filter, 1)
        return client

    def until(self, condition):
        for _ in range(1000):
            if condition():
                return
            time.sleep(0.01)
        self.fail("not within 10 s")

    def ctl(self, name, *arguments):
        return self.linnet("ctl", *arguments, "--host", "127.0.0.1", "--port", str(self.port), "--group", "lab", "--ca", self.key_file("ca.crt"),
                           "--certificate", self.key_file(f"{name}.crt"), "--key", self.key_file(f"{name}.key"))

    def device(self, name):
        """Answers every request with its own name."""
        device = self.connection(name, [f"linnet/1/lab/{name}/req/+/+", "$share/p/linnet/1/lab/pool/+/+/infer"])

        def answer(client, _userdata, message):
            request = json.loads(message.payload)
            who = message.topic.split("/")[-2]
            properties = ctl_test.Properties(ctl_test.PacketTypes.PUBLISH)
            properties.CorrelationData = message.properties.CorrelationData
            client.publish(f"linnet/1/lab/{name}/rsp/{who}/{request['id']}",
                           json.dumps({"id": request["id"], **ctl_test.done(name)}), qos=1, properties=properties)

        device.on_message = answer
        return device

    def test_a_client_is_served_under_its_own_name_and_no_other(self):
        self.device("kitchen")
        served = self.ctl("panel", "infer", "--node", "kitchen", "-p", "x")
        self.assertEqual((served.returncode, served.stdout), (0, b"kitchen"), served.stderr)
        other = self.ctl("panel", "infer", "--node", "kitchen", "-p", "x", "--who", "spy", "--timeout", "5")
        self.assertEqual(other.returncode, 6, other.stderr)
        self.assertIn(b"access rules", other.stderr)

    def test_only_named_members_take_pool_work(self):
        self.device("cellar")  # Not named in the rules: it may subscribe and hears nothing.
        refused = self.ctl("panel", "infer", "--pool", "pilot", "-p", "x", "--timeout", "1", "--accept-time", "0.3")
        self.assertEqual(refused.returncode, 5, refused.stdout)
        self.device("kitchen")
        # The broker gives turns to members that may not read as well; the requester asks again.
        served = self.ctl("panel", "infer", "--pool", "pilot", "-p", "x", "--timeout", "20", "--accept-time", "0.3")
        self.assertEqual((served.returncode, served.stdout), (0, b"kitchen"), served.stderr)

    def test_nobody_hears_or_speaks_for_another(self):
        spy = self.connection("spy", ["linnet/1/lab/+/rsp/panel/#", "linnet/1/lab/+/req/#", "linnet/1/lab/pool/#"])
        watcher = self.connection("panel", ["linnet/1/lab/+/avail"])
        cellar = self.connection("cellar")
        self.device("kitchen")
        self.assertEqual(self.ctl("panel", "infer", "--node", "kitchen", "-p", "secret").returncode, 0)
        for client, topic in ((spy, "linnet/1/lab/kitchen/avail"), (cellar, "linnet/1/lab/kitchen/avail"),
                              (cellar, "linnet/1/lab/cellar/avail")):
            client.publish(topic, "online", qos=1)
        self.until(lambda: watcher.heard)
        self.assertEqual(watcher.heard, [("linnet/1/lab/cellar/avail", b"online")])
        self.assertEqual(spy.heard, [])

    def test_without_a_certificate_of_the_authority_nobody_comes_in(self):
        address = ["--host", "127.0.0.1", "--port", str(self.port), "--node", "kitchen", "--ca", self.key_file("ca.crt")]
        self.assertIn(self.linnet("ctl", "status", *address, "--timeout", "5").returncode, (5, 6))
        stranger = self.path("stranger")
        self.assertEqual(self.linnet("ctl", "keys", stranger, "panel").returncode, 0)
        theirs = ["--certificate", f"{stranger}/panel.crt", "--key", f"{stranger}/panel.key"]
        self.assertIn(self.linnet("ctl", "status", *address, *theirs, "--timeout", "5").returncode, (5, 6))
        # And a broker that is not the authority's is not talked to.
        address[-1] = f"{stranger}/ca.crt"
        own = ["--certificate", self.key_file("panel.crt"), "--key", self.key_file("panel.key")]
        self.assertEqual(self.linnet("ctl", "status", *address, *own, "--timeout", "5").returncode, 5)


if __name__ == "__main__":
    unittest.main()
