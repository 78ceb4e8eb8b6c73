#!/usr/bin/python3
"""bench/compare: what it reads of recorded outputs of the programs, what it makes of the figures, and a run of its own."""
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["LINNET_SOURCE"])
LINNET = os.environ["LINNET_BIN"]
COMPARE = SOURCE / "bench/compare"
RECORDED = SOURCE / "tests/data/bench"
sys.path.insert(0, str(COMPARE))

import compare  # noqa: E402
import peers  # noqa: E402
import workloads  # noqa: E402


def recorded(name):
    return (RECORDED / name).read_text()


class Outputs(unittest.TestCase):
    """Recorded from the programs; what they say beside is part of the recording."""

    def test_llama_bench(self):
        figures = peers.parse_llama_bench(recorded("llama-bench.txt"), workloads.Workload(prompt=16, generate=4))
        tests = json.loads("[" + recorded("llama-bench.txt").split("[\n", 1)[1].rsplit("]", 1)[0] + "]")
        self.assertEqual(figures, {"prefill 16": tests[0]["avg_ts"], "decode 4": tests[1]["avg_ts"]})

    def test_llama_batched_bench(self):
        self.assertEqual(peers.parse_batched_bench(recorded("llama-batched-bench.txt")), 1.41)

    def test_a_batched_bench_without_a_table_is_an_error(self):
        with self.assertRaises(ValueError):
            peers.parse_batched_bench("failed to load model\n")

    def test_linnet_bench(self):
        figures = peers.parse_linnet_bench("packing\n" + recorded("linnet-bench.json"), workloads.WORKLOADS["prompt"])
        self.assertEqual(figures, {"prefill 512": 526.6, "decode 64": 59.0, "read bandwidth": 31.5, "int8 peak": 880.25,
                                   "decode of the read bandwidth": 0.66, "prefill of the int8 peak": 0.43})

    def test_what_a_workload_does_not_measure_is_no_figure(self):
        figures = peers.parse_linnet_bench(recorded("linnet-bench.json"), workloads.WORKLOADS["deep"])
        self.assertIn("decode at depth 4096", figures)
        self.assertFalse([metric for metric in figures if metric.startswith("prefill")])

    def test_a_peer_that_stays(self):
        figures = peers.parse_resident(recorded("openvino.json"), workloads.WORKLOADS["prompt"])
        self.assertEqual(figures, {"prefill 512": 411.25, "decode 64": 32.5})


class Ratios(unittest.TestCase):
    FIGURES = {"prefill 512": {"linnet": [10.0, 30.0, 20.0], "other": [10.0, 10.0, 10.0]}}

    def test_are_of_one_round_each(self):
        self.assertEqual(compare.ratios(self.FIGURES)["prefill 512"]["other"], {"median": 2.0, "min": 1.0, "max": 3.0})

    def test_stand_in_the_table(self):
        text = compare.text_report(self.FIGURES, compare.ratios(self.FIGURES))
        self.assertIn("linnet / it: 2.00 (1.00 to 3.00)", text)

    def test_every_metric_of_every_workload_has_a_unit(self):
        for name, workload in workloads.WORKLOADS.items():
            for metric in ([workloads.prefill_metric(workload)] if workload.prompt and not workload.whole else []) + (
                    [workloads.decode_metric(workload)] if workload.generate and not workload.whole else []):
                self.assertIn(metric, workloads.METRICS, name)


class Run(unittest.TestCase):
    """The real linnet against a peer that prints what llama-bench once printed."""

    def test_alternates_and_reports(self):
        with tempfile.TemporaryDirectory() as folder:
            model, peer = pathlib.Path(folder) / "tiny.gguf", pathlib.Path(folder) / "llama-bench"
            subprocess.run([LINNET, "make-model", "--like", "tiny", "--type", "q8_0", "-o", model], check=True,
                           stdout=subprocess.DEVNULL)
            peer.write_text(f"#!/bin/sh\ncat {RECORDED / 'llama-bench.txt'}\n")
            peer.chmod(peer.stat().st_mode | stat.S_IXUSR)
            done = subprocess.run([sys.executable, "-B", COMPARE / "compare.py", "--linnet", LINNET, "--model", model,
                                   "--llama-cpp", folder, "--rounds", "2", "--workloads", "prompt,memory", "--json"],
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)  # There is no llama-completion in that folder.
            done = subprocess.run([sys.executable, "-B", COMPARE / "compare.py", "--linnet", LINNET, "--model", model,
                                   "--llama-cpp", folder, "--rounds", "2", "--workloads", "prompt", "--json"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual(len(report["figures"]["prefill 512"]["linnet"]), 2)
            self.assertGreater(report["ratios"]["prefill 512"]["llama.cpp"]["median"], 0)
            turns = [line.split(", ")[2].split(":")[0] for line in done.stderr.splitlines() if line.startswith("prompt")]
            self.assertEqual(turns, ["linnet", "llama.cpp", "llama.cpp", "linnet", "linnet", "llama.cpp"])

    def test_an_unknown_workload_is_refused(self):
        done = subprocess.run([sys.executable, "-B", COMPARE / "compare.py", "--linnet", LINNET, "--model", "x",
                               "--workloads", "prompts"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("prompts", done.stderr)


if __name__ == "__main__":
    unittest.main()
