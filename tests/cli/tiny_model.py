"""Tiny GGUF models with seeded random weights, written with the standard library alone.

The writer is the tests' own, so that what the reader accepts does not come from the writer it was built with.
"""

import random
import struct

F32, F16, Q4_0, Q8_0, Q2_K = 0, 1, 2, 8, 10
UINT16, UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 2, 4, 6, 7, 8, 9, 5

WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD, CONTEXT = 64, 2, 4, 2, 128, 256


def text_bytes(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def value_bytes(kind, value):
    if kind == STRING:
        return text_bytes(value)
    return struct.pack({UINT16: "<H", UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def entry_bytes(key, kind, value):
    if isinstance(value, list):
        elements = b"".join(value_bytes(kind, item) for item in value)
        return text_bytes(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + elements
    return text_bytes(key) + struct.pack("<I", kind) + value_bytes(kind, value)


def gguf_bytes(entries, tensors, alignment=32):
    """entries: (key, kind, value or list); tensors: (name, dims with the contiguous one first, type, data)."""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    header += b"".join(entry_bytes(*entry) for entry in entries)
    offset, data = 0, b""
    for name, dims, kind, content in tensors:
        header += text_bytes(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        header += struct.pack("<IQ", kind, offset)
        data += content + b"\0" * (-len(content) % alignment)
        offset = len(data)
    return header + b"\0" * (-len(header) % alignment) + data


def weights(kind, rows, columns, rng):
    """Random weights around 1 / sqrt(columns)."""
    count = rows * columns
    scale = columns**-0.5
    if kind == F32:
        return struct.pack(f"<{count}f", *(rng.gauss(0, scale) for _ in range(count)))
    if kind == F16:
        return struct.pack(f"<{count}e", *(rng.gauss(0, scale) for _ in range(count)))
    if kind == Q4_0:
        return b"".join(struct.pack("<e", scale / 4) + rng.randbytes(16) for _ in range(count // 32))
    if kind == Q8_0:
        return b"".join(struct.pack("<e", scale / 64) + rng.randbytes(32) for _ in range(count // 32))
    if kind == Q2_K:
        return rng.randbytes(84 * (count // 256))
    raise ValueError(kind)


def byte_characters():
    """GPT-2's printable character for each byte, as byte-level vocabularies spell them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in plain else next(spare)) for byte in range(256)]


def vocabulary_entries(template=None):
    tokens = [*byte_characters(), "<|start|>", "<|end|>"]
    entries = [
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.token_type", INT32, [1] * 256 + [3, 3]),
        ("tokenizer.ggml.merges", STRING, ["h e", "l l", "he ll"][:2]),
        ("tokenizer.ggml.bos_token_id", UINT32, 256),
        ("tokenizer.ggml.eos_token_id", UINT32, 257),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
    ]
    # A merge's result must be an entry of the vocabulary.
    entries[2][2].extend(["he", "ll"])
    entries[3][2].extend([1, 1])
    if template is not None:
        entries.append(("tokenizer.chat_template", STRING, template))
    return entries


def write_hollow_model(path, kind, rows, columns=4096):
    """One matrix of zeros in a sparse file: as long as a real model, without its disk space."""
    block_weights, block_bytes = {F32: (1, 4), Q4_0: (32, 18)}[kind]
    size = rows * columns // block_weights * block_bytes
    header = gguf_bytes(
        [("general.architecture", STRING, "llama")], [("blk.0.ffn_up.weight", [columns, rows], kind, b"")]
    )
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + size)


def model_parts(
    kind=F32,
    architecture="llama",
    template=None,
    seed=1,
    extra=(),
    vocabulary_only=False,
    layers=LAYERS,
    context=CONTEXT,
):
    """Entries and tensors of a whole llama-form model; matrices in `kind`, norms in F32."""
    rng = random.Random(seed)
    entries = [
        ("general.architecture", STRING, architecture),
        ("general.name", STRING, "tiny test model"),
        (f"{architecture}.context_length", UINT32, context),
        (f"{architecture}.embedding_length", UINT32, WIDTH),
        (f"{architecture}.block_count", UINT32, layers),
        (f"{architecture}.feed_forward_length", UINT32, FEED_FORWARD),
        (f"{architecture}.attention.head_count", UINT32, HEADS),
        (f"{architecture}.attention.head_count_kv", UINT32, KV_HEADS),
        (f"{architecture}.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        (f"{architecture}.rope.freq_base", FLOAT32, 10000.0),
        *vocabulary_entries(template),
        *extra,
    ]
    if vocabulary_only:
        return entries, []
    tensors = []

    def matrix(name, rows, columns):
        tensors.append((name, [columns, rows], kind, weights(kind, rows, columns, rng)))

    def norm(name, width=WIDTH):
        tensors.append((name, [width], F32, struct.pack(f"<{width}f", *[1.0] * width)))

    vocabulary = 260
    key_width = WIDTH // HEADS * KV_HEADS
    matrix("token_embd.weight", vocabulary, WIDTH)
    for layer in range(layers):
        prefix = f"blk.{layer}."
        norm(prefix + "attn_norm.weight")
        matrix(prefix + "attn_q.weight", WIDTH, WIDTH)
        matrix(prefix + "attn_k.weight", key_width, WIDTH)
        matrix(prefix + "attn_v.weight", key_width, WIDTH)
        matrix(prefix + "attn_output.weight", WIDTH, WIDTH)
        norm(prefix + "ffn_norm.weight")
        matrix(prefix + "ffn_gate.weight", FEED_FORWARD, WIDTH)
        matrix(prefix + "ffn_up.weight", FEED_FORWARD, WIDTH)
        matrix(prefix + "ffn_down.weight", WIDTH, FEED_FORWARD)
    norm("output_norm.weight")
    matrix("output.weight", vocabulary, WIDTH)
    return entries, tensors


def model_bytes(*arguments, **options):
    """The file of model_parts()."""
    return gguf_bytes(*model_parts(*arguments, **options))


def split_bytes(entries, tensors, count):
    """The files that llama.cpp's gguf-split makes of one: the first has the keys of the model, all have split.*."""
    share = -(-len(tensors) // count)
    files = []
    for number in range(count):
        split = [
            ("split.no", UINT16, number),
            ("split.count", UINT16, count),
            ("split.tensors.count", INT32, len(tensors)),
        ]
        own = tensors[number * share : (number + 1) * share]
        files.append(gguf_bytes([*entries, *split] if number == 0 else split, own))
    return files
