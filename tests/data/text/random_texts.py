"""Seeded random texts that are hard to tokenise: all planes, broken UTF-8, long runs, joiners, right-to-left, digits."""

import random

JOINED = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇯🇵", "❤️", "#️⃣", "🧑🏿‍🚀"]
WORDS = ("the of and to in is you that it he was for on are as with his they I at be this have from or one had by "
         "word but not what all were we when your can said there use an each which she do how their if will up "
         "don't I'll we'VE they're 'tis It'S y'all İstanbul naïve café Straße ΣΊΣΥΦΟΣ ſ ǅ ﬀ Å e\u0301 a\u0323\u0307").split()
SCRIPTS = [(0x41, 0x5A), (0x61, 0x7A), (0x30, 0x39), (0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF),
           (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F),
           (0x2190, 0x21FF), (0x2460, 0x24FF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x300, 0x36F),
           (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x1F300, 0x1FAFF), (0x1D400, 0x1D7FF), (0x20000, 0x2A6DF)]
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2003", "\u200b", "\u1680", "\u180e", "\u0085", "\u2028",
          "\x0b", "\x0c", "\x1c"]
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "--", "''", "“", "”", "…", "。", "，", "「", "¿"]


def any_character(rng):
    while True:
        point = rng.randrange(0x110000)
        if not 0xD800 <= point <= 0xDFFF:
            return chr(point)


def piece(rng):
    kind = rng.randrange(16)
    if kind < 4:
        return rng.choice(WORDS)
    if kind < 6:
        low, high = rng.choice(SCRIPTS)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 12)))
    if kind == 6:
        return rng.choice(SPACES) * rng.choice([1, 1, 2, 3, 5, 17, 60])
    if kind == 7:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 6)))
    if kind == 8:
        return rng.choice(PUNCTUATION) * rng.choice([1, 1, 2, 3, 8])
    if kind == 9:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12)))
    if kind == 10:
        return rng.choice(["٣٤٥", "१२३", "²³", "½¾", "Ⅷⅸ", "①②", "𝟘𝟙𝟚", "一二三", "๔๕"])
    if kind == 11:
        return rng.choice(JOINED)
    if kind == 12:
        return "".join(any_character(rng) for _ in range(rng.randint(1, 4)))
    if kind == 13:
        return rng.choice("aAé字 .=-_\n\u0301") * rng.choice([2, 9, 40, 130])
    if kind == 14:
        return rng.choice(["שלום", "مرحبا", "\u202eabc\u202c", "नमस्ते", "ภาษาไทย", "한국어", "tiếng Việt"])
    return rng.choice(["for(int i=0;i<10;++i){", "http://a.b/c?d=e&f", "x_1 = y**2", "<|im_end|>", "</s>", "<s>", "▁", "Ġ"])


def valid_text(rng):
    return "".join(piece(rng) + (" " if rng.random() < 0.4 else "") for _ in range(rng.randint(1, 24)))


def text(rng):
    """Bytes; one in eight is broken UTF-8."""
    data = bytearray(valid_text(rng).encode())
    if rng.randrange(8) == 0:
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            if rng.random() < 0.5:
                data[at:at] = bytes(rng.randrange(0x80, 0x100) for _ in range(rng.randint(1, 3)))
            else:
                del data[at:at + 1]
    return bytes(data)


def texts(seed, count):
    rng = random.Random(seed)
    return [text(rng) for _ in range(count)]
