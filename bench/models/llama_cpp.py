#!/usr/bin/env python3
"""Compares what Linnet and transformers compute with what llama.cpp computes from the same GGUF files.

    python llama_cpp.py SOURCE BUILD tiny [NAME…]          each model of tests/data/models: llama.cpp against transformers
    python llama_cpp.py SOURCE BUILD greedy MODEL LINNET   20 texts of 100 tokens: llama.cpp against Linnet's program

SOURCE is llama.cpp's tree, BUILD a build of its static libraries (cmake -DBUILD_SHARED_LIBS=OFF, targets llama and ggml). The PyPI source package
llama-cpp-python carries the tree under vendor/. Needs g++, gguf, numpy.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "tests/data/models"
LONG_ROWS = [255, 256, 257, 511, 512, 599]
FAR_ROWS = [99, 100, 1023, 2399]
PROMPTS = [
    "The history of the bicycle begins", "To make a good cup of tea, you first", "The three most important rules of safety at work are",
    "Photosynthesis is the process by which", "In the year 1969, the first astronauts", "The main difference between a virus and a bacterium is",
    "Dear Sir or Madam,\nI am writing to", "A neural network is", "The recipe needs two eggs, a cup of flour and", "When the storm came over the mountains,",
    "def read_temperature(path):\n    ", "The best way to learn a language is", "Electric cars are different from", "My favourite book tells the story of",
    "The river Nile flows through", "A short poem about the sea:\n", "In economics, inflation means", "The old clock in the hall",
    "Steel is made from iron by", "If you want to grow tomatoes,",
]
COUNT = 100


def build_peer(source, build, folder):
    peer = folder / "llama_peer"
    libraries = [build / "src/libllama.a", *(build / f"ggml/src/libggml{part}.a" for part in ("", "-cpu", "-base"))]
    subprocess.run(["g++", "-std=c++20", "-O1", f"-I{source}/include", f"-I{source}/ggml/include", HERE / "llama_peer.cc",
                    *libraries, "-fopenmp", "-lpthread", "-ldl", "-o", peer], check=True)
    return peer


def without_vocabulary(path, folder):
    """The same file with a key that says that there is no vocabulary, which llama.cpp insists on."""
    reader = gguf.GGUFReader(path)
    if "tokenizer.ggml.model" in reader.fields:
        return path
    writer = gguf.GGUFWriter(folder / path.name, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(key, field.contents())
        else:
            writer.add_key_value(key, field.contents(), field.types[0])
    writer.add_tokenizer_model("none")
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / path.name


def compare_tiny(peer, folder, names):
    long = np.load(MODELS / "long.tokens.npy")
    for path in sorted(MODELS.glob("*.gguf")):
        name = path.stem
        if names and name not in names or not (MODELS / f"{name}.logits.npy").exists():
            continue
        model = without_vocabulary(path, folder)

        def logits(ids):
            subprocess.run([peer, "logits", model, folder / "logits"], input=" ".join(map(str, ids)), text=True, check=True,
                           stdout=subprocess.DEVNULL)
            return np.fromfile(folder / "logits", dtype=np.float32).reshape(len(ids), -1)

        figures = []
        try:
            expected = np.load(MODELS / f"{name}.logits.npy")
            figures.append(np.abs(logits(np.load(MODELS / f"{name}.tokens.npy")) - expected).max())
            if np.load(MODELS / f"{name}.long.npy").shape[1] >= long.max():
                figures.append(np.abs(logits(long)[LONG_ROWS] - np.load(MODELS / f"{name}.long.npy")).max())
            if (MODELS / f"{name}.far.npy").exists():
                figures.append(np.abs(logits(np.tile(long, 4))[FAR_ROWS] - np.load(MODELS / f"{name}.far.npy")).max())
            print(f"{name}: largest difference {', '.join(f'{figure:.1e}' for figure in figures)}", flush=True)
        except subprocess.CalledProcessError as error:
            print(f"{name}: llama.cpp refuses it ({error.returncode})", flush=True)


def compare_greedy(peer, model, linnet):
    ids = [subprocess.run([linnet, "tokenize", "-m", model, "--text", prompt], capture_output=True, text=True, check=True).stdout
           for prompt in PROMPTS]
    theirs = subprocess.run([peer, "greedy", model, str(COUNT)], input="".join(line.strip() + "\n" for line in ids),
                            capture_output=True, text=True, check=True).stdout.splitlines()
    same = 0
    for prompt, line in zip(PROMPTS, theirs):
        run = subprocess.run([linnet, "run", "-m", model, "-p", prompt, "--raw", "--temp", "0", "-n", str(COUNT), "--json"],
                             capture_output=True, text=True, check=True)
        ours = json.loads(run.stdout)["tokens"]
        tokens, ahead = ([*map(kind, part.split())] for kind, part in zip((int, float), line.split("|")))
        if ours == tokens:
            same += 1
            print(f"{len(ours)} tokens the same: {prompt!r}", flush=True)
            continue
        at = next(i for i in range(COUNT) if ours[i : i + 1] != tokens[i : i + 1])
        gap = f"{ahead[at]:.3f}" if at < len(ahead) else "at its end"
        print(f"{at} tokens the same, where llama.cpp's best was ahead by {gap}: {prompt!r}", flush=True)
    print(f"{same} of {len(PROMPTS)} texts are the same")


def main():
    source, build = map(pathlib.Path, sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peer = build_peer(source, build, folder)
        if sys.argv[3] == "tiny":
            compare_tiny(peer, folder, sys.argv[4:])
        else:
            compare_greedy(peer, *sys.argv[4:6])


if __name__ == "__main__":
    main()
