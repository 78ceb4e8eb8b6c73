"""Runs onnxruntime-genai for compare.py, by an interpreter that has it; how it is asked: resident_peer.py."""
import json

import numpy as np
import onnxruntime_genai as genai

import resident_peer


class Model:
    def __init__(self, model, threads):
        config = genai.Config(model)
        session = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
        self.model = genai.Model(config)

    def generator(self, ids, tokens):
        parameters = genai.GeneratorParams(self.model)
        length = ids.shape[1] + tokens
        parameters.set_search_options(batch_size=ids.shape[0], max_length=length, min_length=length, do_sample=False)
        return genai.Generator(self.model, parameters)

    def complete(self, text, tokens):
        ids = np.array([genai.Tokenizer(self.model).encode(text)], np.int32)
        self.generate(self.generator(ids, tokens), ids, tokens)

    @staticmethod
    def generate(generator, ids, tokens):
        generator.append_tokens(ids)
        for _ in range(tokens):
            generator.generate_next_token()

    def measure(self, prompts, generate):
        ids = prompts.astype(np.int32)
        generator = self.generator(ids, generate + 1)
        prefill = resident_peer.timed(lambda: self.generate(generator, ids, 1))
        rest = resident_peer.timed(lambda: [generator.generate_next_token() for _ in range(generate)])
        return prefill, prefill + rest


if __name__ == "__main__":
    resident_peer.serve(Model)
