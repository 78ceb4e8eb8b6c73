"""doctor: one page and its JSON twin, on this machine, on recorded boards and on a simulated one."""

import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import threading
import unittest

import support

BOARDS = os.path.join(support.SOURCE, "tests", "data", "boards")
SIZES = ["0.5B", "1.5B", "3B", "7B", "8B", "14B", "16B-A2.4B"]
SIMULATED = """
name = "Bench board"
[facts]
cores = 4
memory = "4G"
cpu = ["neon", "dotprod"]
zones = [{ name = "cpu-thermal", passive = 80000 }]
rails = [{ name = "VDD_IN", whole_module = true }]
[[line]]
name = "BEDROOM_LIGHT"
[[vitals]]
memory_available = "3G"
temperatures = { cpu-thermal = 61500 }
rails = { VDD_IN = 5200 }
"""


class Here(support.CommandTest):
    def doctor(self, *arguments, **options):
        return self.ok_json("doctor", "--config", self.path("none.toml"), *arguments, **options)

    def test_the_page_has_its_parts(self):
        page = self.ok("doctor", "--quick", "--config", self.path("none.toml"))
        for words in ("Board (this machine)", "kernels", "Speed", "not measured (--quick)", "Memory", "for a model",
                      "Temperature and power", "GPIO", "GPU", "broker", "Models"):
            self.assertIn(words, page)
        for size in SIZES:
            self.assertIn(size, page)
        self.assertLessEqual(max(map(len, page.splitlines())), 160)

    def test_json_says_the_same(self):
        report = self.doctor("--quick")
        self.assertEqual(report["source"], "this machine")
        self.assertIsNone(report["limits"])
        self.assertIsNone(report["memory"]["options"])
        self.assertGreater(report["memory"]["installed_bytes"], 0)
        self.assertLessEqual(report["threads"], os.cpu_count())
        self.assertEqual([row["size"] for row in report["models"][::2]], SIZES)
        families = ", ".join(row["families"] for row in report["kernels"])
        self.assertIn("matmul", families)
        self.assertFalse(report["gpu"]["usable"] and not report["gpu"]["reason"])
        self.assertIsNone(report["broker"])

    def test_measures_limits_and_foretells_speed(self):
        report = self.doctor()
        limits = report["limits"]
        self.assertEqual(limits["read_bandwidth_gb_s"][0]["threads"], 1)
        self.assertEqual(limits["read_bandwidth_gb_s"][-1]["threads"], report["threads"])
        for name in ("int8_peak_gop_s", "int4_weights_gb_s", "int8_weights_gb_s"):
            self.assertLessEqual(limits[name]["low"], limits[name]["median"])
            self.assertGreater(limits[name]["low"], 0)
        options = report["memory"]["options"]
        for name in ("first_touch_ms_per_gb", "read_ahead_ms_per_gb", "mlock_ms_per_gb", "huge_pages_gain"):
            if options[name] is not None:
                self.assertGreater(options[name]["median"], 0, name)
        self.assertIsNotNone(options["first_touch_ms_per_gb"])
        self.assertNotEqual(options["huge_pages_gain"] is None, options["no_huge_pages"] == "")
        speeds = {(row["size"], row["type"]): row["decode_tokens_per_second"] for row in report["models"]}
        self.assertGreater(speeds["0.5B", "int4"], speeds["7B", "int4"])

    def emulated(self, emulator, processor):
        """What doctor tells on a processor that qemu-user plays: its kernels by variant, and why."""
        arguments = ("doctor", "--quick", "--json", "--config", self.path("none.toml"))
        done = subprocess.run([*emulator, "-cpu", processor, support.LINNET, *arguments], capture_output=True, env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, b""), processor)
        report = json.loads(done.stdout)
        self.assertTrue(all(row["reason"] for row in report["kernels"]))
        return {row["variant"]: row["reason"] for row in report["kernels"]}

    @unittest.skipUnless(platform.machine() == "x86_64" and not support.EMULATOR and os.path.exists(support.COUNTING_ALLOCATOR)
                         and shutil.which("qemu-x86_64-static"), "no x86-64 emulator, or a sanitizer's build")
    def test_an_x86_without_avx2_is_told_what_it_has(self):
        for processor in ("qemu64", "Nehalem"):
            self.assertEqual(self.emulated(["qemu-x86_64-static"], processor), {"scalar": "nothing faster runs here"})

    @unittest.skipUnless(support.EMULATOR and "aarch64" in support.EMULATOR[0], "no 64-bit ARM emulator")
    def test_arm_cores_by_the_products_that_they_have(self):
        fastest = {"cortex-a53": "neon", "cortex-a72": "neon", "cortex-a76": "neon_dotprod", "max": "neon_i8mm"}
        integer_kernels = set(fastest.values())
        for processor, variant in fastest.items():
            used = integer_kernels.intersection(self.emulated(support.EMULATOR, processor))
            self.assertEqual(used - {"neon"}, {variant} - {"neon"}, processor)
            self.assertIn(variant, used, processor)

    def test_a_forced_kernel_is_named(self):
        report = self.doctor("--quick", environment={"LINNET_KERNEL": "matmul=scalar"})
        scalar = [row for row in report["kernels"] if row["variant"] == "scalar"]
        self.assertIn("matmul (forced)", scalar[0]["families"])

    def test_a_broker_that_answers_and_one_that_does_not(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
            config = self.path("linnetd.toml", f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n')
            report = self.ok_json("doctor", "--quick", "--config", config)
            self.assertEqual(report["broker"]["address"], f"127.0.0.1:{port}")
            self.assertTrue(report["broker"]["reachable"], report["broker"])
        report = self.ok_json("doctor", "--quick", "--config", config)
        self.assertFalse(report["broker"]["reachable"])
        self.assertIn("refused", report["broker"]["detail"].lower())
        self.refused(2, "doctor", "--quick", "--config", self.path("bad.toml", "[mqtt\n"), says="bad.toml:1")


class Elsewhere(support.CommandTest):
    def board(self, name):
        return self.ok_json("doctor", "--board", os.path.join(BOARDS, name))

    def test_a_recorded_board(self):
        report = self.board("rk3588")
        self.assertEqual((report["board"], report["family"]), ("Radxa ROCK 5B", "Rockchip RK3588"))
        self.assertEqual(report["threads_cores"], [4, 5, 6, 7])
        self.assertEqual(report["threads"], 3)
        soc = next(zone for zone in report["temperatures"] if zone["zone"] == "soc-thermal")
        self.assertEqual((soc["celsius"], soc["throttles_at_celsius"]), (40.692, 75))
        self.assertAlmostEqual(soc["headroom_celsius"], 34.308)
        self.assertEqual(report["memory"]["for_a_model_bytes"], 4294967296 - 150000000)
        fits = {row["size"]: row["fits"] for row in report["models"] if row["type"] == "int4"}
        self.assertTrue(fits["3B"])
        self.assertFalse(fits["8B"])
        self.assertIn("not this machine", report["not_measured"])

    def test_what_a_board_does_not_tell_is_absent(self):
        report = self.board("unknown")
        self.assertEqual(report["temperatures"], [])
        self.assertIsNone(report["memory"]["for_a_model_bytes"])
        self.assertIsNone(report["models"][0]["fits"])
        self.assertIn("no sensor", self.ok("doctor", "--board", os.path.join(BOARDS, "unknown")))

    def test_a_weak_supply_is_shouted(self):
        self.assertIn("TOO WEAK NOW", self.ok("doctor", "--board", os.path.join(BOARDS, "raspberry-pi-4")))

    def test_a_simulated_board(self):
        choice = "sim:" + self.path("board.toml", SIMULATED)
        report = self.ok_json("doctor", "--board", choice)
        self.assertEqual([line["name"] for line in report["gpio"]["lines"]], ["BEDROOM_LIGHT"])
        self.assertEqual(report["power"], [{"rail": "VDD_IN", "whole_module": True, "watts": 5.2}])
        page = self.ok("doctor", "--board", choice)
        self.assertIn("61.5 C, slows down at 80 C: 18.5 C of headroom", page)
        self.refused(2, "doctor", "--board", choice, "--record", self.path("out"))

    def test_nonsense_is_refused(self):
        self.refused(2, "doctor", "--board", self.path("nothing"), says="--record")

    def test_record_and_look_at_it(self):
        folder = self.path("mine")
        self.assertIn("files", self.ok("doctor", "--record", folder))
        here = self.ok_json("doctor", "--quick", "--config", self.path("none.toml"))
        there = self.ok_json("doctor", "--board", folder)
        for key in ("board", "family", "cores"):
            self.assertEqual(here[key], there[key])
        self.refused(2, "doctor", "--record", folder, says="empty or absent")
        recorded = "".join(pathlib.Path(folder, name).read_text(errors="replace") for name in self.files(folder))
        self.assertNotIn(socket.gethostname() + "\n", recorded)


if __name__ == "__main__":
    unittest.main()
