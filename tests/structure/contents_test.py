#!/usr/bin/python3
"""What no file may hold: a machine's own paths, hosts nobody has read about, merge marks, large binaries."""
import re
import sys

from tree import ROOT, files, report

# Hosts that documents, licences and comments may name. A package mirror or registry is a setting of the machine, not of
# the project; a new reference to read joins this list by hand.
HOSTS = {
    "arxiv.org", "creativecommons.org", "doi.org", "en.wikipedia.org", "github.com", "huggingface.co", "json-schema.org",
    "spdx.org", "www.apache.org", "www.debian.org", "www.kernel.org", "docs.kernel.org", "www.rfc-editor.org",
    "docs.oasis-open.org", "mosquitto.org", "www.unicode.org", "unicode.org", "jinja.palletsprojects.com",
    "www.freedesktop.org", "specifications.freedesktop.org", "keepachangelog.com", "semver.org",
    "localhost", "127.0.0.1", "example.com", "example.org",
}
URL = re.compile(r"\b(?:https?|ftp|mirror\+\w+)://([^/\s:\"'<>)\]}`,]+)")
# A home or a workplace of one machine. Letters in brackets keep this line from finding itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}~*-])/(?:r[o]ot|h[o]me|Us[e]rs|w[o]rk|f[a]rm)/[\w.]")
MERGE_MARK = re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)", re.M)
MOST_BYTES = 1 << 20
LARGE = re.compile(r"^models/pilot/pilot-int[48]\.gguf$|^tests/data/.*\.(?:gguf|npy|npz|jsonl)$")


def text_faults(path, text):
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        named = [] if path.startswith("tests/data/") else URL.findall(line)  # Texts to tokenize name any host.
        faults += [f"{path}:{number}: host {host} is not in the list of {__file__.rsplit('/', 1)[-1]}"
                   for host in named if host not in HOSTS and not host.endswith((".example", ".invalid"))]
        if MACHINE_PATH.search(line):
            faults.append(f"{path}:{number}: a path of one machine: {line.strip()[:80]}")
    if MERGE_MARK.search(text) and not path.endswith((".md", ".rst")):
        faults.append(f"{path}: an unfinished merge")
    return faults


def main():
    faults = []
    for path in files():
        data = (ROOT / path).read_bytes()
        if len(data) > MOST_BYTES and not LARGE.match(path):
            faults.append(f"{path}: {len(data)} bytes; a file over {MOST_BYTES} needs a place in LARGE")
        if b"\0" not in data[:8192]:
            faults += text_faults(path, data.decode("utf-8", "replace"))
    return report("contents", faults)


if __name__ == "__main__":
    sys.exit(main())
