"""kill -9 at random moments and at every named fail point, and of the broker: the short form of soak.py's ordeals."""

import os
import shutil
import signal
import tempfile
import time
import unittest

import ordeal
import world


@unittest.skipUnless(world.MOSQUITTO, "mosquitto is not installed")
@unittest.skipUnless(os.path.exists(world.LINNETD), "linnetd is not built")
class Crashes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="linnet-system-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.trial = ordeal.Ordeal(self.folder, seed=7)
        self.addCleanup(self.trial.close)

    def settle(self, **options):
        self.trial.settle(**options)
        print(f"{dict(self.trial.counts)}; ready again after {self.trial.slowest:.2f} s at worst")
        self.assertEqual(self.trial.violations, [])

    def test_killed_at_random_moments(self):
        for _ in range(12):
            self.trial.kill_at_random()
        self.settle()

    def test_killed_in_every_named_state(self):
        points = ordeal.fail_points()
        self.assertGreaterEqual(len(points), 12)
        for point in points:
            self.trial.kill_at(point)
        self.settle()
        for point in points:
            self.assertGreaterEqual(self.trial.counts[f"killed at {point}"], 1, point)

    def test_the_broker_is_killed(self):
        self.trial.start()
        for _ in range(6):
            self.trial.kill_broker()
        self.settle(broker_lost=True)

    def test_term_amid_work(self):
        for _ in range(3):
            self.trial.terminate()
        self.settle()

    def test_an_action_is_never_repeated(self):
        """Cut off between the intent and the result: `outcome_unknown`, also when the command is sent again."""
        client, device = self.trial.client, self.trial.device
        for point in ("intended", "driven"):
            request = f"act-{point}"
            self.trial.start(LINNET_FAIL_POINT=point)
            client.send("gpio", request, {"line": "LAMP", "active": True})
            self.assertEqual(device.process.wait(20), -signal.SIGKILL)
            self.trial.start()
            outcome = world.wait_until(lambda: client.outcome_of(request), 20, "an outcome after the crash")
            self.assertEqual((outcome["status"], outcome["reason"]), ("failed", "outcome_unknown"))
            self.assertFalse(client.ask("gpio", f"{request}-read", {"line": "LAMP"})["result"], "the safe state")
            client.send("gpio", request, {"line": "LAMP", "active": True})
            time.sleep(0.3)
            self.assertFalse(client.ask("gpio", f"{request}-again", {"line": "LAMP"})["result"], "not done by a duplicate")
            self.assertEqual(len(set(client.payloads[request])), 1)
            device.kill(signal.SIGTERM)
        driven = device.record.read_text().splitlines().count("LAMP active")
        self.assertEqual(driven, 1, "once, before the second kill")


if __name__ == "__main__":
    world.main()
