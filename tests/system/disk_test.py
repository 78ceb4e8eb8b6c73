"""The disk fails: stated behaviour, no crash, nothing acknowledged that is not kept."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import world

PRELOAD = os.environ.get("LINNET_FAULT_PRELOAD", "")


class Disk(world.World):
    def setUp(self):
        super().setUp()
        self.port = self.broker().port
        self.client_ = self.client(self.port)
        self.device = self.daemon(self.port, start=False)
        self.fault = pathlib.Path(self.folder) / "fault"

    def start(self):
        self.device.start(environment={"LD_PRELOAD": PRELOAD, "LINNET_FAULT_FOLDER": str(self.device.state),
                                       "LINNET_FAULT_FILE": str(self.fault)})
        self.wait_ready(self.device, self.client_)

    def test_a_full_disk_accepts_nothing_and_recovers(self):
        self.start()
        self.assertEqual(self.client_.ask("infer", "before", {"prompt": "turn on the radio"})["status"], "done")
        self.fault.write_text("full")
        refused = self.client_.ask("infer", "during", {"prompt": "turn on the radio"})
        self.assertEqual((refused["status"], refused["rc"]), ("rejected", 0x83), refused)
        self.assertFalse(self.client_.accepted("during"))
        self.assertEqual(self.client_.ask("status", "alive")["status"], "done", "what needs no disk still works")
        self.fault.unlink()
        self.assertEqual(self.client_.ask("infer", "after", {"prompt": "turn on the radio"})["status"], "done")
        self.client_.forget("during")
        self.assertEqual(self.client_.ask("infer", "during", {"prompt": "turn on the radio"})["status"], "done", "nothing was kept of it")

    def test_an_outcome_that_cannot_be_kept_is_not_told_until_it_is(self):
        self.start()
        self.client_.send("infer", "long", {"prompt": "remove tuesday alarm of nine am"})
        world.wait_until(lambda: self.client_.accepted("long"), 20, "accepted")
        self.fault.write_text("full")
        time.sleep(1)
        self.fault.unlink()
        world.wait_until(lambda: self.client_.payloads["long"], 30, "the outcome, once it can be kept")
        self.assert_one_outcome(self.client_, "long")

    def test_flushes_that_fail_accept_nothing(self):
        self.start()
        self.fault.write_text("io")
        refused = self.client_.ask("infer", "io", {"prompt": "turn on the radio"})
        self.assertEqual((refused["status"], refused["rc"]), ("rejected", 0x83), refused)
        self.fault.unlink()
        self.assertTrue(self.device.running)
        self.device.kill()
        self.start()
        self.assertEqual(self.client_.ask("infer", "later", {"prompt": "turn on the radio"})["status"], "done")

    def test_a_request_costs_two_flushes_and_one_that_acts_three(self):
        log = pathlib.Path(self.folder) / "flushes"
        self.device.start(environment={"LD_PRELOAD": PRELOAD, "LINNET_FAULT_FOLDER": str(self.device.state), "LINNET_FLUSH_LOG": str(log)})
        self.wait_ready(self.device, self.client_)
        self.client_.ask("infer", "first", {"prompt": "turn on the radio"})
        for operation, args, most in (("infer", {"prompt": "turn on the radio"}, 2), ("gpio", {"line": "LAMP", "active": True}, 3)):
            time.sleep(0.5)
            before = log.stat().st_size
            for number in range(20):
                self.client_.ask(operation, f"{operation}{number}", args)
            time.sleep(0.5)
            # Beside them: the audit of an action is not flushed, and SQLite flushes twice each 1,000 pages of its log.
            self.assertLessEqual(log.stat().st_size - before, most * 20 + 4, operation)
            self.assertGreaterEqual(log.stat().st_size - before, most * 20, "each promise is on the disk before it is told")

    def test_slow_flushes_are_slow_and_nothing_else(self):
        self.start()
        self.fault.write_text("slow 300")
        began = time.monotonic()
        self.assertEqual(self.client_.ask("infer", "slow", {"prompt": "turn on the radio"})["status"], "done")
        self.assertGreater(time.monotonic() - began, 0.3, "it waited for the disk before it said so")
        self.fault.unlink()

    def test_a_read_only_folder_is_told_and_inference_still_works(self):
        if os.geteuid() == 0:
            # Root writes everywhere: a file in the folder's place cannot be written into either.
            self.device.state.rmdir()
            self.device.state.write_text("")
        else:
            self.device.state.chmod(0o500)
            self.addCleanup(self.device.state.chmod, 0o700)
        self.device.start()
        self.wait_ready(self.device, self.client_)
        outcome = self.client_.ask("infer", "volatile", {"prompt": "turn on the radio"})
        self.assertEqual(outcome["status"], "done", outcome)
        durable = self.client_.ask("infer", "durable", {"prompt": "turn on the radio"}, durable=True)
        self.assertEqual((durable["status"], durable["rc"]), ("rejected", 0x83), "what cannot be promised is not promised")
        self.assertEqual(json.loads(self.client_.states["birth"])["journal"], "memory")
        self.assertRegex(self.device.words(), "(?i)state|journal")

    def put_aside(self, change):
        """Whatever the damage: the journal is put aside, its ids are forgotten, and the device works."""
        self.start()
        for number in range(40):
            self.client_.send("infer", f"old{number}", {"prompt": "turn on the radio"})
        world.wait_until(lambda: self.client_.outcome_of("old39"), 60, "an outcome")
        self.device.kill(signal.SIGTERM)  # An orderly end leaves everything in the one file.
        journal = self.device.state / "journal.db"
        self.assertEqual([path.name for path in self.device.state.glob("journal*")], [journal.name])
        change(journal)
        self.device.start()
        self.wait_ready(self.device, self.client_)
        self.assertTrue((self.device.state / "journal.db.damaged").exists())
        self.assertRegex(self.device.words(), "put aside")
        self.client_.forget("old1")
        self.assertEqual(self.client_.ask("infer", "old1", {"prompt": "make the living room blue"})["status"], "done")
        self.assertTrue(self.client_.accepted("old1"), "a new request: nothing of the old one is known")
        self.assertEqual(json.loads(self.client_.states["birth"])["journal"], "disk")

    def test_a_journal_whose_head_is_overwritten(self):
        def overwrite(path):
            with open(path, "r+b") as file:
                file.write(os.urandom(4096))

        self.put_aside(overwrite)

    def test_a_journal_with_a_page_of_noise_in_its_middle(self):
        def overwrite(path):
            with open(path, "r+b") as file:
                file.seek(path.stat().st_size // 4096 // 2 * 4096)
                file.write(os.urandom(4096))

        self.put_aside(overwrite)

    def test_a_journal_that_was_cut_short(self):
        self.put_aside(lambda path: os.truncate(path, path.stat().st_size // 2 + 100))

    def test_one_daemon_a_folder(self):
        self.start()
        second = subprocess.run([world.LINNETD, "-c", self.device.configuration], capture_output=True, text=True, timeout=30)
        self.assertIn(second.returncode, (5, 6), second.stderr)
        self.assertTrue(self.device.running)


class ModelFiles(world.World):
    """A model file that is truncated or replaced under its mapping."""

    def setUp(self):
        super().setUp()
        self.port = self.broker().port
        self.client_ = self.client(self.port)
        self.model = pathlib.Path(self.folder) / "model.gguf"
        shutil.copy(world.PILOT, self.model)
        self.device = self.daemon(self.port, model=self.model)
        self.wait_ready(self.device, self.client_)

    def test_truncated_while_it_generates(self):
        for number in range(30):
            self.client_.send("infer", f"m{number}", {"prompt": "remove tuesday alarm of nine am"})
        world.wait_until(lambda: self.client_.accepted("m5"), 20, "accepted")
        os.truncate(self.model, self.model.stat().st_size // 2)
        for number in range(30):
            world.wait_until(lambda: self.client_.payloads[f"m{number}"], 60, f"m{number} has an outcome")
            self.assert_one_outcome(self.client_, f"m{number}")
        reasons = {json.loads(payload).get("reason", "done") for number in range(30) for payload in self.client_.payloads[f"m{number}"]}
        print(f"truncated: {reasons}")
        self.assertLessEqual(reasons, {"done", "io"})
        self.assertTrue(self.device.running, self.device.words()[-2000:])
        self.assertEqual(self.client_.ask("status", "alive")["status"], "done")
        # Whole again: by itself or on `load`, answers are right again.
        shutil.copy(world.PILOT, self.model)
        self.client_.ask("load", "reload", {"model": "pilot"}, seconds=60)
        outcome = self.client_.ask("infer", "again", {"prompt": "can you turn my bedroom lights off"})
        self.assertEqual(outcome["status"], "done", outcome)
        self.assertIn("iot_hue_lightoff", outcome["text"])

    def test_replaced_while_it_generates(self):
        """A rename leaves the mapping whole: nothing fails, and the next load takes the new file."""
        other = pathlib.Path(self.folder) / "new.gguf"
        shutil.copy(world.SOURCE / "models/pilot/pilot-int8.gguf", other)
        for number in range(20):
            self.client_.send("infer", f"m{number}", {"prompt": "remove tuesday alarm of nine am"})
        os.rename(other, self.model)
        for number in range(20):
            outcome = world.wait_until(lambda: self.client_.outcome_of(f"m{number}"), 60, "an outcome")
            self.assertEqual(outcome["status"], "done", outcome)


if __name__ == "__main__":
    world.main()
