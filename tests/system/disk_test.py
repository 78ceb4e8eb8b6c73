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
        self.assertEqual(refused["status"], "rejected", refused)
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
        self.assertEqual(refused["status"], "rejected", refused)
        self.fault.unlink()
        self.assertTrue(self.device.running)
        self.device.kill()
        self.start()
        self.assertEqual(self.client_.ask("infer", "later", {"prompt": "turn on the radio"})["status"], "done")

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
        self.assertEqual(durable["status"], "rejected", "what cannot be promised is not promised")
        self.assertRegex(self.device.words(), "(?i)state|journal")

    def corrupt(self, change):
        self.start()
        self.assertEqual(self.client_.ask("infer", "one", {"prompt": "turn on the radio"})["status"], "done")
        self.device.kill()
        files = [path for path in self.device.state.rglob("*") if path.is_file()]
        journals = [path for path in files if path.name == "journal.db"]  # Beside it lies the telemetry's spool.
        self.assertEqual(len(journals), 1, files)
        change(journals[0])
        self.device.start()

    def test_a_damaged_journal_is_put_aside_or_refused_in_words(self):
        def overwrite(path):
            with open(path, "r+b") as file:
                file.write(os.urandom(4096))
            for suffix in ("-wal", "-shm"):
                pathlib.Path(str(path) + suffix).unlink(missing_ok=True)

        self.corrupt(overwrite)
        try:
            code = self.device.process.wait(5)
        except subprocess.TimeoutExpired:
            self.wait_ready(self.device, self.client_)
            self.assertEqual(self.client_.ask("infer", "two", {"prompt": "turn on the radio"})["status"], "done")
            return
        self.assertIn(code, (3, 4, 5), "no crash")
        self.assertRegex(self.device.words(), "(?i)journal")

    def test_a_journal_that_was_cut_short(self):
        def cut(path):
            for suffix in ("-wal", "-shm"):
                pathlib.Path(str(path) + suffix).unlink(missing_ok=True)
            os.truncate(path, path.stat().st_size // 2 + 100)

        self.corrupt(cut)
        time.sleep(2)
        if not self.device.running:
            self.assertIn(self.device.process.returncode, (3, 4, 5), "no crash: " + self.device.words()[-2000:])

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
