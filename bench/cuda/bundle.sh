#!/bin/sh
# Packs build/cuda-bundle: what a machine with a GPU needs to test and measure the kernels and whole models, without network
# or packages.
set -eu
cd "$(dirname "$0")/../.."
build=build/release
bundle=build/cuda-bundle

cmake --preset release >/dev/null
cmake --build $build --target cuda_kernels cuda_limits cuda_contract cuda_bench linnet
rm -rf $bundle
mkdir -p $bundle/bin $bundle/lib $bundle/kernels $bundle/models/pilot $bundle/sources/kernels
cp $build/bin/cuda_contract $build/bin/cuda_bench $build/bin/linnet $bundle/bin/
strip $bundle/bin/*
# What linnet links beside the C library: the other machine may have none of it, or another version.
ldd $build/bin/linnet | awk '$3 ~ /^\// && $1 !~ /^(libc|libm|ld-linux.*)\.so/ { print $3 }' | xargs -I{} cp {} $bundle/lib/
for model in llama-f16 llama-q4_0 mistral-f32 qwen2-q4_1 qwen3-q8_0; do cp tests/data/models/$model.gguf $bundle/models/; done
cp models/pilot/pilot-int4.gguf models/pilot/pilot-int8.gguf models/pilot/demo.jsonl $bundle/models/pilot/
cp $build/cuda/linnet* $bundle/kernels/
cp $build/cuda/limits/limits.fatbin $bundle/
cp -r kernels/cuda kernels/formats kernels/math $bundle/sources/kernels/
cp bench/cuda/run.sh bench/cuda/models.py $bundle/
du -sm $bundle | awk '{ if ($1 > 60) { print "cuda-bundle: " $1 " MiB, over 60" > "/dev/stderr"; exit 1 } print "build/cuda-bundle: " $1 " MiB" }'
