"""The network fails in every way that a loopback can be made to: the daemon comes back, and what it promised holds."""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import faults
import world

BACK_SECONDS = 120  # Connected again this long after the cause ended, with the configured back-off.


class Network(world.World):
    def setUp(self):
        super().setUp()
        self.broker_ = self.broker()
        self.client_ = self.client(self.broker_.port)
        self.proxy = faults.Proxy(self.broker_.port)
        self.addCleanup(self.proxy.close)

    def served(self, seconds, name):
        """Seconds until a request is answered."""
        began = time.monotonic()
        number = 0
        while True:
            number += 1
            request = f"{name}-{number}"
            self.client_.send("status", request)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                if self.client_.outcome_of(request):
                    return time.monotonic() - began
                time.sleep(0.01)
            self.assertLess(time.monotonic() - began, seconds, f"not served after {name}")

    def test_connections_that_are_cut_come_back(self):
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_)
        worst = 0
        for number in range(world.scaled(3, 50)):
            self.client_.send("infer", f"cut{number}", {"prompt": "turn on the radio"})
            time.sleep(0.005 * number)
            self.proxy.cut()
            worst = max(worst, self.served(BACK_SECONDS, f"cut-{number}"))
            if self.client_.accepted(f"cut{number}"):
                world.wait_until(lambda: self.client_.payloads[f"cut{number}"], 30, f"cut{number} has an outcome")
                self.assert_one_outcome(self.client_, f"cut{number}")
        print(f"cut: served again after {worst:.1f} s at worst")

    def test_refused_for_a_while(self):
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_)
        self.proxy.refusing = True
        self.proxy.cut()
        time.sleep(world.scaled(3, 30))
        self.proxy.refusing = False
        print(f"refused: served again after {self.served(BACK_SECONDS, 'refused'):.1f} s")

    def test_refused_by_connack_until_the_cause_ends(self):
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_)
        for reason in (0x87, 0x88, 0x89, 0x97):
            with self.subTest(hex(reason)):
                self.proxy.refusal, before = reason, self.proxy.accepted
                self.proxy.cut()
                world.wait_until(lambda: self.proxy.accepted >= before + world.scaled(2, 6), 600, "it is refused, and asks again")
                self.assertTrue(device.running, device.words()[-2000:])
                self.proxy.refusal = None
                print(f"refused with {reason:#x}: served again after {self.served(BACK_SECONDS, f'refusal-{reason}'):.1f} s")

    def test_a_broker_that_stops_and_goes_on(self):
        """It is not killed: its connections stay, and nothing moves on them."""
        device = self.daemon(self.proxy.port, mqtt="keep_alive_s = 5")
        self.wait_ready(device, self.client_)
        self.broker_.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.broker_.process.send_signal, signal.SIGCONT)
        accepted = self.proxy.accepted
        world.wait_until(lambda: self.proxy.accepted > accepted, 60, "the keep-alive finds out")
        time.sleep(world.scaled(1, 60))
        self.broker_.process.send_signal(signal.SIGCONT)
        print(f"stopped: served again after {self.served(BACK_SECONDS, 'stopped'):.1f} s")

    def test_connections_that_nothing_passes_from_the_start(self):
        self.proxy.stalled = True
        device = self.daemon(self.proxy.port, mqtt="keep_alive_s = 5")
        world.wait_until(lambda: self.proxy.accepted >= 2, 60, "it gives up, and connects anew")
        self.proxy.stalled = False
        print(f"silent: served after {self.served(BACK_SECONDS, 'silent'):.1f} s")

    def test_term_while_connecting_to_a_host_that_does_not_answer(self):
        host = faults.SilentHost()
        self.addCleanup(host.close)
        device = self.daemon(host.port)
        time.sleep(2)
        self.assertTrue(device.running, device.words())
        began = time.monotonic()
        self.assertEqual(device.stop(60), 0)
        self.assertLess(time.monotonic() - began, 5 + 2 * world.LEEWAY, "stop_time_ms is 5000")

    def test_term_while_a_name_is_not_answered(self):
        fault = pathlib.Path(self.folder) / "fault"
        fault.write_text("resolver 60")
        device = self.daemon(self.proxy.port, start=False)
        device.configuration.write_text(device.configuration.read_text().replace('host = "127.0.0.1"', 'host = "localhost"'))
        device.start(environment={"LD_PRELOAD": os.environ["LINNET_FAULT_PRELOAD"], "LINNET_FAULT_FILE": str(fault)})
        time.sleep(2)
        self.assertTrue(device.running, device.words())
        began = time.monotonic()
        self.assertEqual(device.stop(90), 0)
        self.assertLess(time.monotonic() - began, 5 + 2 * world.LEEWAY, "stop_time_ms is 5000")
        fault.write_text("resolver 2")
        device.start(environment={"LD_PRELOAD": os.environ["LINNET_FAULT_PRELOAD"], "LINNET_FAULT_FILE": str(fault)})
        print(f"slow names: served after {self.served(BACK_SECONDS, 'names'):.1f} s")

    def test_a_long_outage_is_not_followed_by_a_long_wait(self):
        if not world.SOAK:
            self.skipTest("takes minutes: make soak")
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_)
        self.proxy.refusing = True
        self.proxy.cut()
        time.sleep(400)  # The back-off is at its longest.
        self.proxy.refusing = False
        print(f"after 400 s: served again after {self.served(BACK_SECONDS, 'long'):.1f} s")

    def test_garbage_instead_of_a_broker(self):
        device = self.daemon(self.proxy.port, start=False)
        self.proxy.garbage = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        device.start()
        world.wait_until(lambda: self.proxy.accepted >= 2, 30, "it tries again")
        self.assertTrue(device.running)
        self.proxy.garbage = b""
        self.served(BACK_SECONDS, "garbage")

    def test_half_open_is_noticed(self):
        """Nothing passes and nothing closes: the keep-alive finds out."""
        device = self.daemon(self.proxy.port, mqtt="keep_alive_s = 5")
        self.wait_ready(device, self.client_)
        self.client_.send("infer", "before", {"prompt": "turn on the radio"})
        world.wait_until(lambda: self.client_.outcome_of("before"), 30, "an outcome")
        self.proxy.stalled = True
        accepted = self.proxy.accepted
        self.client_.send("infer", "during", {"prompt": "turn on the radio"})
        world.wait_until(lambda: self.proxy.accepted > accepted, 60, "it connects anew")
        self.proxy.stalled = False
        self.proxy.cut()
        world.wait_until(lambda: self.client_.outcome_of("during"), BACK_SECONDS, "what waited at the broker is done")
        self.assert_one_outcome(self.client_, "during")

    def test_200_ms_of_delay(self):
        self.proxy.delay = 0.2
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_, seconds=10)
        for number in range(10):
            self.client_.send("infer", f"slow{number}", {"prompt": "turn on the radio"})
        for number in range(10):
            world.wait_until(lambda: self.client_.outcome_of(f"slow{number}"), 30, "an outcome")
            self.assert_one_outcome(self.client_, f"slow{number}")

    def test_a_message_on_behalf_is_never_sent_twice(self):
        """The connection is lost after the broker has the message and before the device knows: at most once, as with lines."""
        rule = '[[rules]]\nname = "say"\nwhen = { intent = "iot_hue_lightoff" }\ntopic = "home/said"\npayload = "off"\n'
        self.wait_ready(self.daemon(self.proxy.port, more=rule), self.client_)
        self.proxy.delay = 0.3
        said = []
        self.client_.client.message_callback_add("home/said", lambda _client, _data, message: said.append(message.payload))
        self.client_.client.subscribe("home/said", qos=1)
        self.client_.send("infer", "say", {"prompt": "can you turn my bedroom lights off"})
        world.wait_until(lambda: said, 30, "the message")
        self.proxy.cut()
        self.proxy.delay = 0
        self.served(BACK_SECONDS, "said")
        outcome = world.wait_until(lambda: self.client_.outcome_of("say"), 30, "the outcome")
        time.sleep(1)
        self.assertEqual((said, [deed["done"] for deed in outcome["actions"]]), ([b"off"], [True, True]))

    def test_loss_and_delay(self):
        """One piece in ten is lost and sent again, everything takes 200 ms: all is said, in order."""
        self.proxy.delay, self.proxy.loss = 0.2, 0.1
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_, seconds=10)
        count = world.scaled(10, 200)
        for number in range(count):
            self.client_.send("infer", f"lossy{number}", {"prompt": "turn on the radio"})
        for number in range(count):
            outcome = world.wait_until(lambda: self.client_.outcome_of(f"lossy{number}"), 60, "an outcome")
            self.assert_one_outcome(self.client_, f"lossy{number}")
            chunks = [said for said in self.client_.said(f"lossy{number}") if "seq" in said]
            self.assertEqual([chunk["seq"] for chunk in chunks], list(range(outcome["n_chunks"])))

    def stream_of_many_chunks(self):
        """A daemon whose model talks for seconds; returns the arguments of such a request."""
        sys.path.insert(0, str(world.SOURCE / "tests/cli"))
        import tiny_model
        model = pathlib.Path(self.folder) / "tiny.gguf"
        model.write_bytes(tiny_model.model_bytes(context=60000, seed=3))
        device = self.daemon(self.proxy.port, more=f'[models.tiny]\npath = "{model}"\ncontext = 60000\n', start=False)
        device.start(environment={"XDG_CACHE_HOME": self.folder})
        self.wait_ready(device, self.client_)
        return {"prompt": "hello", "model": "tiny", "max_tokens": 8000}

    def chunks_of(self, request):
        return {said["seq"]: said["text"] for said in self.client_.said(request) if "seq" in said}

    def test_gaps_in_streams_are_seen_and_filled(self):
        """Chunks are QoS 0: what is said while the connection is down is lost, and asked for with `replay`."""
        args, gaps = self.stream_of_many_chunks(), 0
        for number in range(world.scaled(3, 30)):
            request = f"stream{number}"
            self.client_.send("infer", request, args)
            world.wait_until(lambda: self.chunks_of(request), 60, "the first chunk")
            self.proxy.cut()
            outcome = world.wait_until(lambda: self.client_.outcome_of(request), BACK_SECONDS, "the outcome, in spite of it")
            missing = set(range(outcome["n_chunks"])) - set(self.chunks_of(request))
            gaps += bool(missing)
            if missing:
                self.client_.send("replay", f"replay-{request}", {"id": request, "from_seq": min(missing)})
            world.wait_until(lambda: len(self.chunks_of(request)) == outcome["n_chunks"], 30, "every chunk")
            text = "".join(text for _, text in sorted(self.chunks_of(request).items()))
            self.assertEqual(hashlib.sha256(text.encode()).hexdigest(), outcome["sha256"])
            self.assert_one_outcome(self.client_, request)
        print(f"{gaps} streams with gaps, all filled")
        self.assertGreater(gaps, 0)

    def test_ctl_fills_gaps(self):
        args = self.stream_of_many_chunks()
        self.client_.ask("swap", "tiny", {"model": "tiny"})
        command = [world.LINNET, "ctl", "infer", "--host", "127.0.0.1", "--port", str(self.broker_.port), "--group", "lab", "--node", "dut",
                   "--who", "tester", "-n", str(args["max_tokens"]), "-p", args["prompt"], "--id", "ctl"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            first = process.stdout.read(20)
            self.proxy.cut()
            text = first + process.stdout.read()
        self.assertEqual(process.returncode, 0)
        outcome = self.client_.ask("infer", "ctl", args)
        self.assertEqual(text.decode().removesuffix("\n"), outcome["text"].removesuffix("\n"))

    def test_a_whole_answer_is_replayed(self):
        device = self.daemon(self.proxy.port)
        self.wait_ready(device, self.client_)
        outcome = self.client_.ask("infer", "whole", {"prompt": "remove tuesday alarm of nine am"})
        self.client_.forget("whole")
        self.client_.send("replay", "again", {"id": "whole", "from_seq": 0})
        world.wait_until(lambda: self.client_.outcome_of("whole"), 10, "the outcome again")
        chunks = [said for said in self.client_.said("whole") if "seq" in said]
        self.assertEqual("".join(chunk["text"] for chunk in chunks), outcome["text"])
        self.assert_one_outcome(self.client_, "whole")

    def test_no_broker_at_the_start(self):
        port = world.free_port()
        device = self.daemon(port)
        time.sleep(1)
        self.assertTrue(device.running, device.words())
        self.broker(port=port)
        client = self.client(port)
        self.wait_ready(device, client, seconds=BACK_SECONDS / world.LEEWAY)

    def test_brokers_that_refuse_or_break_the_protocol(self):
        scripts = {
            "not authorised": lambda broker, c, n: c.sendall(broker.connack(0x87)),
            "server unavailable": lambda broker, c, n: c.sendall(broker.connack(0x88)),
            "server busy": lambda broker, c, n: c.sendall(broker.connack(0x89)),
            "quota": lambda broker, c, n: c.sendall(broker.connack(0x97)),
            "malformed": lambda broker, c, n: c.sendall(broker.connack(0) + bytes([0x30, 0x7F, 0xFF, 0xFF, 0xFF, 1])),
            "length": lambda broker, c, n: c.sendall(broker.connack(0) + bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])),
            "closes": lambda broker, c, n: None,
        }
        for name, script in scripts.items():
            with self.subTest(name):
                broker = faults.FakeBroker(script)
                self.addCleanup(broker.close)
                device = self.daemon(broker.port, node="dut", state=f"state-{name.replace(' ', '-')}")
                world.wait_until(lambda: broker.connections >= 2, 30, f"asks again after: {name}")
                self.assertTrue(device.running, device.words()[-2000:])
                self.assertEqual(device.stop(), 0)

    def test_a_broker_that_stops_reading(self):
        """Its window fills up; the daemon stays and stops in time."""
        taken = threading.Event()

        def script(broker, connection, _number):
            connection.sendall(broker.connack(0))
            taken.set()
            time.sleep(30)

        broker = faults.FakeBroker(script)
        self.addCleanup(broker.close)
        device = self.daemon(broker.port)
        self.assertTrue(taken.wait(30))
        time.sleep(2)
        self.assertTrue(device.running, device.words()[-2000:])
        began = time.monotonic()
        self.assertEqual(device.stop(60), 0)
        self.assertLess(time.monotonic() - began, 5 + 5 * world.LEEWAY)


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Tls(world.World):
    """The shipped broker configuration, and certificates that are wrong in every way."""

    def setUp(self):
        super().setUp()
        self.keys = pathlib.Path(self.folder) / "keys"
        self.make_keys(self.keys, "dut", "tester")

    def make_keys(self, folder, *names):
        subprocess.run([world.LINNET, "ctl", "keys", folder, *names], check=True, capture_output=True)

    def tls_broker(self, certificate="broker", keys=None):
        keys = keys or self.keys
        packaged = world.SOURCE / "packaging/mosquitto"
        settings = (packaged / "linnet.conf").read_text().replace("listener 8883\n", "")
        settings = settings.replace("/etc/mosquitto/certs/linnet", str(keys))
        settings = settings.replace("/etc/mosquitto/linnet.acl", str(packaged / "linnet.acl")).replace("broker.", f"{certificate}.")
        return self.broker(settings=settings + ("user root\n" if os.geteuid() == 0 else ""))

    def tls_daemon(self, port, **options):
        section = f'[mqtt.tls]\nca = "{self.keys}/ca.crt"\ncertificate = "{self.keys}/dut.crt"\nkey = "{self.keys}/dut.key"'
        return self.daemon(port, mqtt=section, **options)

    def ctl_status(self, port):
        return subprocess.run([world.LINNET, "ctl", "status", "--host", "127.0.0.1", "--port", str(port), "--group", "lab", "--node", "dut",
                               "--ca", self.keys / "ca.crt", "--certificate", self.keys / "tester.crt", "--key", self.keys / "tester.key",
                               "--timeout", "2", "--accept-time", "0.5", "--json"], capture_output=True, text=True)

    def await_served(self, device, port, seconds):
        def served():
            self.assertTrue(device.running, device.words()[-2000:])
            return self.ctl_status(port).returncode == 0
        world.wait_until(served, seconds, "the device answers over TLS")

    def test_the_shipped_rules_let_the_device_work(self):
        broker = self.tls_broker()
        device = self.tls_daemon(broker.port)
        self.await_served(device, broker.port, 5 * world.LEEWAY)

    def test_a_broker_of_another_authority_is_not_trusted_until_it_is_replaced(self):
        wrong = pathlib.Path(self.folder) / "wrong"
        self.make_keys(wrong)
        broker = self.tls_broker(keys=wrong)
        device = self.tls_daemon(broker.port)
        time.sleep(3)
        self.assertTrue(device.running, device.words()[-2000:])
        self.assertNotEqual(self.ctl_status(broker.port).returncode, 0)
        port = broker.port
        broker.kill()
        packaged_port = self.tls_broker_on(port)
        self.await_served(device, packaged_port, BACK_SECONDS)

    def test_a_clock_that_is_wrong_and_set_right(self):
        """No certificate is valid yet, or none is valid any more, until the clock is set: never is one taken unverified."""
        broker = self.tls_broker()
        fault = pathlib.Path(self.folder) / "fault"
        for name, seconds in (("years behind", -20 * 365 * 86400), ("years ahead", 40 * 365 * 86400)):
            with self.subTest(name):
                fault.write_text(f"clock {seconds}")
                device = self.tls_daemon(broker.port, start=False)
                device.start(environment={"LD_PRELOAD": os.environ["LINNET_FAULT_PRELOAD"], "LINNET_FAULT_FILE": str(fault)})
                time.sleep(world.scaled(3, 60))
                self.assertTrue(device.running, device.words()[-2000:])
                self.assertNotEqual(self.ctl_status(broker.port).returncode, 0, "it trusts nobody that it cannot verify")
                fault.unlink()
                began = time.monotonic()
                self.await_served(device, broker.port, BACK_SECONDS)
                print(f"clock {name}: served {time.monotonic() - began:.1f} s after it was set")
                self.assertEqual(device.stop(), 0)

    def tls_broker_on(self, port):
        packaged = world.SOURCE / "packaging/mosquitto"
        settings = (packaged / "linnet.conf").read_text().replace("listener 8883\n", "")
        settings = settings.replace("/etc/mosquitto/certs/linnet", str(self.keys)).replace("/etc/mosquitto/linnet.acl", str(packaged / "linnet.acl"))
        self.broker(settings=settings + ("user root\n" if os.geteuid() == 0 else ""), port=port)
        return port


if __name__ == "__main__":
    world.main()
