#!/bin/sh
# Brings CUDA 12's assembler, with which the GPU's kernels become machine code for a Jetson Orin whose driver is older than
# CUDA 13 (JetPack 6). Optional: without it such a driver compiles the PTX itself, once.
#
#   toolchains/cuda12-ptxas.sh    leaves it as build/cuda12/ptxas, where the next configuration finds it
#
# NVIDIA's package nvidia-cuda-nvcc-cu12, from the registry that pip is set up with, by its hash. x86-64 alone.
set -eu
cd "$(dirname "$0")/.."

package="nvidia-cuda-nvcc-cu12==12.2.140"
hash=c6ff4ae7a636eb6cab7621191e19ac3779690686bbcf52c04d8b1ca2944e1e27
folder=build/cuda12

[ -x $folder/ptxas ] && exit 0
mkdir -p $folder
printf '%s --hash=sha256:%s\n' "$package" "$hash" >$folder/requirements.txt
python3 -m pip download --quiet --no-deps --require-hashes --dest $folder --requirement $folder/requirements.txt
python3 - $folder <<'EOF'
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
(folder / "ptxas").write_bytes(zipfile.ZipFile(wheel).read("nvidia/cuda_nvcc/bin/ptxas"))
wheel.unlink()
EOF
chmod +x $folder/ptxas
$folder/ptxas --version | tail -n 1
