#!/usr/bin/python3
"""Every kernel that launch.h lists is an entry of each PTX file or cubin, and the version is there: entries_test.py LAUNCH_H FILE..."""
import pathlib
import re
import sys


def names_of(header):
    lists = {name: body for name, body in re.findall(r"#define LINNET_CUDA_(\w+)\(X\)((?:.*\\\n)+.*)", header)}
    names = re.findall(r"X\(\w+, (\w+), \w+\)", lists["ROW_KERNELS"])
    for formats in ("PANEL_FORMATS", "FLOAT_FORMATS"):
        for _, form in re.findall(r"X\((\w+), (\w+)\)", lists[formats]):
            names += [f"matvec_{rows}_{form}" for rows in (1, 2, 4, 8)] + [f"gemm_{form}"]
            names += [f"gemm_int8_{form}"] if formats == "PANEL_FORMATS" else []
    return {f"linnet_cuda_{name}" for name in names}


def main():
    header, *files = sys.argv[1:]
    names = names_of(pathlib.Path(header).read_text())
    faults = []
    for file in files:
        text = pathlib.Path(file).read_text("latin-1")
        # A cubin is an ELF file: a kernel's code is a section `.text.NAME`.
        entries = set(re.findall(r"\.text\.(\w+)" if file.endswith(".cubin") else r"\.entry (\w+)", text))
        faults += [f"{file}: no entry {name}" for name in sorted(names - entries)]
        faults += [f"{file}: {name} is not in launch.h" for name in sorted(entries - names)]
        if "linnet_cuda_version" not in text:
            faults.append(f"{file}: no linnet_cuda_version")
        version = re.search(r"[.]version ([0-9.]+)", text)
        print(f"{file}: {len(entries)} entries{', ' + version[0] if version else ''}")
    print("\n".join(faults))
    return 1 if faults or len(names) < 80 else 0


if __name__ == "__main__":
    sys.exit(main())
