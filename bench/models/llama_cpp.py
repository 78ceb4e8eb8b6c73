#!/usr/bin/env python3
"""Compares what Linnet and transformers compute with what llama.cpp computes from the same GGUF files.

    python llama_cpp.py SOURCE BUILD tiny [NAME…]          each decoder of tests/data/models: llama.cpp against transformers
    python llama_cpp.py SOURCE BUILD encoders LINNET       each encoder there, over sentences.txt, on Linnet's token ids
    python llama_cpp.py SOURCE BUILD greedy MODEL LINNET [FLOAT]   20 texts of 100 tokens: llama.cpp against Linnet's program

Where two texts part, how far each side's own token was ahead of the other's is printed. FLOAT is MODEL's weights de-quantised: how far
each side's logits lie from its own (as Linnet computes it) along llama.cpp's text. At the end it says how many texts, of llama.cpp and of Linnet, stay the
same when llama.cpp keeps its cache in float32 instead of float16.

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
            subprocess.run([peer, "logits", model, folder / "logits", "f32"], input=" ".join(map(str, ids)), text=True, check=True,
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


def compare_encoders(peer, folder, linnet):
    sentences = (MODELS / "sentences.txt").read_text()
    for path in sorted(MODELS.glob("*.gguf")):
        if not (MODELS / f"{path.stem}.embeddings.npy").exists():
            continue
        expected = np.load(MODELS / f"{path.stem}.embeddings.npy")
        ids = subprocess.run([linnet, "tokenize", "-m", path, "--lines"], input=sentences, capture_output=True, text=True, check=True).stdout
        subprocess.run([peer, "vectors", path, folder / "vectors", "f32"], input=ids, text=True, check=True, stdout=subprocess.DEVNULL)
        vectors = np.fromfile(folder / "vectors", dtype=np.float32).reshape(len(expected), -1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        print(f"{path.stem}: largest difference {np.abs(vectors - expected).max():.1e}", flush=True)


def tokens_of(linnet, model, prompt):
    return [*map(int, subprocess.run([linnet, "tokenize", "-m", model, "--text", prompt], capture_output=True, text=True,
                                     check=True).stdout.split())]


def peer_texts(peer, model, prompts, cache, out):
    """llama.cpp's continuations, and the logits of each token and of the end where there is one."""
    lines = "".join(" ".join(map(str, ids)) + "\n" for ids in prompts)
    texts = subprocess.run([peer, "greedy", model, out, cache, str(COUNT)], input=lines, capture_output=True, text=True,
                           check=True).stdout.splitlines()
    texts = [[*map(int, line.split())] for line in texts]
    rows = [min(COUNT, len(text) + 1) for text in texts]
    logits = np.fromfile(out, dtype=np.float32).reshape(sum(rows), -1)
    return texts, np.split(logits, np.cumsum(rows)[:-1])


def our_text(linnet, model, prompt):
    run = subprocess.run([linnet, "run", "-m", model, "-p", prompt, "--raw", "--temp", "0", "-n", str(COUNT), "--json"],
                         capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["tokens"]


def our_logits(linnet, model, prompt, text, rows, out):
    """Linnet's logits along llama.cpp's text: the same bits as while decoding."""
    ids = prompt + text
    subprocess.run([linnet, "logits", "-m", model, "--tokens", ",".join(map(str, ids)), "-o", out], check=True,
                   capture_output=True)
    return np.load(out)[len(prompt) - 1 :][:rows]


def parting(ours, theirs, our_rows, their_rows):
    """Where two texts part and how far each side's own token is ahead of the other's there; None where they do not.

    Linnet leaves out the token that ends a text as llama.cpp's side does."""
    if ours == theirs:
        return None
    at = next(i for i in range(COUNT) if ours[i : i + 1] != theirs[i : i + 1])
    ends = [int(rows[at].argmax()) for rows in (our_rows, their_rows)]
    return at, float(our_rows[at][ends[0]] - our_rows[at][ends[1]]), float(their_rows[at][ends[1]] - their_rows[at][ends[0]])


def compare_greedy(peer, folder, model, linnet, reference=None):
    prompts = [tokens_of(linnet, model, prompt) for prompt in PROMPTS]
    texts, logits = peer_texts(peer, model, prompts, "f16", folder / "peer")
    own, errors = [], []
    for words, prompt, theirs, rows in zip(PROMPTS, prompts, texts, logits):
        ours = our_text(linnet, model, words)
        own.append(ours)
        our_rows = our_logits(linnet, model, prompt, theirs, len(rows), folder / "ours.npy")
        parts = parting(ours, theirs, our_rows, rows)
        line = f"{len(ours)} tokens the same" if parts is None else "{} tokens the same, then ours ahead by {:.4f} here, theirs by {:.4f} there".format(*parts)
        if reference:
            exact = our_logits(linnet, reference, prompt, theirs, len(rows), folder / "exact.npy")
            errors.append([np.abs(a - b).mean() for a, b in ((our_rows, exact), (rows, exact), (our_rows, rows))])
            line += "; mean error ours {:.4f}, llama.cpp's {:.4f}, apart {:.4f}".format(*errors[-1])
        print(f"{line}: {words!r}", flush=True)
    print(f"{sum(map(list.__eq__, texts, own))} of {len(PROMPTS)} texts are the same", flush=True)
    if reference:
        print("mean error over all: ours {:.4f}, llama.cpp's {:.4f}, apart {:.4f}".format(*np.mean(errors, axis=0)))
    again, _ = peer_texts(peer, model, prompts, "f32", folder / "peer")
    print(f"llama.cpp with a float32 cache repeats {sum(map(list.__eq__, texts, again))} of its texts and {sum(map(list.__eq__, own, again))} of ours")


def main():
    source, build = map(pathlib.Path, sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peer = build_peer(source, build, folder)
        if sys.argv[3] == "tiny":
            compare_tiny(peer, folder, sys.argv[4:])
        elif sys.argv[3] == "encoders":
            compare_encoders(peer, folder, sys.argv[4])
        else:
            compare_greedy(peer, folder, *sys.argv[4:])


if __name__ == "__main__":
    main()
