"""Runs OpenVINO GenAI for compare.py, by an interpreter that has it; how it is asked: resident_peer.py."""
import os

import numpy as np
import openvino
import openvino_genai as genai

import resident_peer


def settings(count):
    config = genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample = count, True, False
    return config


def options(model):
    """Models of its own compute in float32 and round activations to int8, as many at a time as share a scale: its fastest setting."""
    if os.path.isdir(model):
        return {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 128}
    precision = os.environ.get("OPENVINO_PEER_PRECISION")
    return {"INFERENCE_PRECISION_HINT": precision} if precision else {}


class Pipeline:
    def __init__(self, model, threads):
        self.pipeline = genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=threads, **options(model))

    def complete(self, text, tokens):
        self.pipeline.generate(text, settings(tokens))

    def measure(self, prompts, generate):
        ids = prompts.astype(np.int64)
        inputs = genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        metrics = []
        seconds = resident_peer.timed(
            lambda: metrics.append(self.pipeline.generate(inputs, settings(generate + 1)).perf_metrics))
        return metrics[0].get_ttft().mean / 1e3, seconds


if __name__ == "__main__":
    resident_peer.serve(Pipeline)
