#!/usr/bin/python3
"""Writes the bill of materials of built packages, SPDX 2.3 as JSON: linnet_VERSION_ARCH.spdx.json beside them.

usage: sbom.py ARCH FOLDER-OF-DEBS      (SOURCE_DATE_EPOCH dates it)
It names the packages with their hashes, what their programs hold of other projects (headers and static libraries, at the
versions they were compiled from), and what they depend on.
"""
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys

# Compiled in: Debian's package, its licence.
EMBEDDED = {
    "libcli11-dev": "BSD-3-Clause", "libexpected-dev": "CC0-1.0", "libtomlplusplus-dev": "MIT", "libutf8proc-dev": "MIT AND Unicode-DFS-2016",
    "nlohmann-json3-dev": "MIT",
}
ROOT = pathlib.Path(__file__).resolve().parents[1]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def versions(architecture):
    """{Debian package: version} of what was compiled against: this machine's or the sysroot's."""
    if architecture == output("dpkg", "--print-architecture").strip():
        text = output("dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *EMBEDDED)
    else:
        text = (ROOT / f"build/sysroot-{architecture}/.packages").read_text()
    return dict(line.split("\t") for line in text.splitlines())


def package(name, version, licence, **more):
    return {"SPDXID": f"SPDXRef-{name.replace('+', '-')}", "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": "NOASSERTION", **more}


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def main():
    architecture, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    debs = [deb for deb in sorted(folder.glob("*.deb")) if "-dbgsym_" not in deb.name]
    packages, relations, depended = [], [], set()
    compiled = versions(architecture)
    for name, licence in EMBEDDED.items():
        packages.append(package(name, compiled[name], licence))
    for deb in debs:
        name, version, depends = (output("dpkg-deb", "-f", deb, field).strip() for field in ("Package", "Version", "Depends"))
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        own = package(name, version, "Apache-2.0", packageFileName=deb.name, checksums=[{"algorithm": "SHA256", "checksumValue": digest}])
        packages.append(own)
        relations.append(relation("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"]))
        if name in ("linnet", "linnetd", "liblinnet1"):
            relations += [relation(own["SPDXID"], "CONTAINS", f"SPDXRef-{embedded}") for embedded in EMBEDDED]
        for other in filter(None, (word.split("|")[0].split("(")[0].strip() for word in depends.split(","))):
            if not other.startswith(("linnet", "liblinnet")):
                depended.add(other)
            relations.append(relation(own["SPDXID"], "DEPENDS_ON", f"SPDXRef-{other.replace('+', '-')}"))
    packages += [package(name, "of the system", "NOASSERTION") for name in sorted(depended)]
    version = output("dpkg-deb", "-f", debs[0], "Version").strip()
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    content = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"linnet-{version}-{architecture}",
        "documentNamespace": f"https://example.org/linnet/spdx/{version}-{architecture}-{content}",
        "creationInfo": {"created": f"{created:%Y-%m-%dT%H:%M:%SZ}", "creators": ["Tool: packaging/sbom.py"]},
        "packages": packages, "relationships": relations,
    }
    (folder / f"linnet_{version}_{architecture}.spdx.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
