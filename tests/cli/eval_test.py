"""eval: intents and perplexity."""

import json
import math
import unittest

import support
import tiny_model


class Eval(support.ModelTest):
    def test_intent_keys(self):
        data = self.path("d.jsonl", '{"text": "on", "intent": "a", "entities": []}\n\n{"text": "of", "intent": "b", "entities": [{"type": "t", "value": "v"}]}\n')
        report = self.ok_json("eval", "-m", self.model, "--data", data)
        self.assertEqual(report["n"], 2)
        # Random weights write no JSON.
        self.assertEqual([report[key] for key in ("intent_accuracy", "entity_f1", "exact_match", "valid_json")], [0, 0, 0, 0])
        self.assertGreater(report["tokens_per_second"], 0)
        self.assertEqual(self.ok_json("eval", "-m", self.model, "--data", data, "--limit", "1")["n"], 1)

    def test_perplexity_agrees_with_the_logits(self):
        text = "hello, hello there"
        data = self.path("d.jsonl", json.dumps({"text": text}) + "\n")
        report = self.ok_json("eval", "-m", self.model, "--data", data, "--metric", "ppl")
        ids = [int(i) for i in self.ok("tokenize", "-m", self.model, "--text", text).split()]
        self.ok("logits", "-m", self.model, "--tokens", ",".join(map(str, ids)), "-o", self.path("l.npy"))
        rows = support.read_rows(self.path("l.npy"))
        losses = [math.log(sum(math.exp(x) for x in row)) - row[target] for row, target in zip(rows, ids[1:])]
        self.assertEqual(report["n_tokens"], len(ids) - 1)
        self.assertAlmostEqual(report["mean_nll"], sum(losses) / len(losses), places=5)
        self.assertAlmostEqual(report["perplexity"], math.exp(report["mean_nll"]), places=6)

    def test_windows_score_every_token_once(self):
        data = self.path("d.jsonl", json.dumps({"text": "abcdefghij" * 8}) + "\n")
        reports = [
            self.ok_json("eval", "-m", self.model, "--data", data, "--metric", "ppl", "--ctx", window)
            for window in (2, 7, 40, 200)
        ]
        self.assertEqual({report["n_tokens"] for report in reports}, {80})
        self.assertEqual(len({report["mean_nll"] for report in reports}), 4)
        self.refused(2, "eval", "-m", self.model, "--data", data, "--metric", "ppl", "--ctx", "1")

    def test_bad_data(self):
        self.refused(5, "eval", "-m", self.model, "--data", self.path("none.jsonl"), says="none.jsonl")
        self.refused(2, "eval", "-m", self.model, "--data", self.folder, says="directory")
        self.refused(2, "eval", "-m", self.model, "--data", self.path("e.jsonl", "\n"), says="e.jsonl")
        bad = self.path("b.jsonl", '{"text": "a", "intent": "b", "entities": []}\n{"text": 3}\n')
        self.refused(2, "eval", "-m", self.model, "--data", bad, says=["b.jsonl", "line 2"])
        self.refused(2, "eval", "-m", self.model, "--data", bad, "--metric", "ppl", says="line 2")


if __name__ == "__main__":
    unittest.main()
