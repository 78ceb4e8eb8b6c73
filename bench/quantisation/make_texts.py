"""Makes the two texts of docs/quantisation.md from Debian packages, as JSON lines {"text": ...}.

    apt-get download debian-handbook fortunes debian-faq      # bookworm: 11.20220922, 1:1.99.1-7.3, 11.1
    python make_texts.py --packages FOLDER --out FOLDER

evaluation.jsonl: the English Debian Administrator's Handbook (R. Hertzog, R. Mas; GPL-2+ or CC-BY-SA-3.0), one line a page.
calibration.jsonl: what is not in it: quotations of `fortunes` (BSD; sections of prose) and the Debian FAQ (GPL-2+).
"""
import argparse
import html
import json
import pathlib
import re
import subprocess
import tempfile

SECTIONS = ("computers cookie debian definitions education food goedel humorists kids law linux medicine"
            " miscellaneous news people perl platitudes politics science songs-poems sports startrek wisdom work").split()


def unpack(package, folder):
    subprocess.run(["dpkg", "-x", package, folder], check=True)


def plain(page):
    """The running text of an HTML page: paragraphs and headings, no code listings, no navigation."""
    page = re.sub(r"(?s)<(head|script|style|pre|ul class=\"docnav\").*?</(head|script|style|pre|ul)>", " ", page)
    page = re.sub(r"(?i)</(p|h\d|li|dt|dd|div)>", "\n", page)
    text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", page))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if len(line) > 40)


def pages(folder):
    for path in sorted(pathlib.Path(folder).rglob("*.html")):
        text = plain(path.read_text(errors="replace"))
        if len(text) > 400:
            yield text


def quotations(folder):
    for section in SECTIONS:
        path = folder / "usr/share/games/fortunes" / section
        quotes = path.read_text(errors="replace").split("\n%\n")
        # Quotes are short: 20 of them make a text of about a window.
        for first in range(0, len(quotes), 20):
            yield "\n\n".join(" ".join(quote.split()) for quote in quotes[first:first + 20])


def write(path, texts):
    texts = list(texts)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    print(f"{path}: {len(texts)} texts, {sum(len(text.encode()) for text in texts)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for package in ("debian-handbook", "fortunes", "debian-faq"):
            unpack(next(options.packages.glob(package + "_*.deb")), name)
        documents = folder / "usr/share/doc"
        write(options.out / "evaluation.jsonl", pages(documents / "debian-handbook/html/en-US"))
        write(options.out / "calibration.jsonl", [*quotations(folder), *pages(documents / "debian-faq")])


if __name__ == "__main__":
    main()
