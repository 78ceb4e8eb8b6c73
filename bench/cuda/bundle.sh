#!/bin/sh
# Packs build/cuda-bundle: what a machine with a GPU needs to test and measure the kernels, without network or packages.
set -eu
cd "$(dirname "$0")/../.."
build=build/release
bundle=build/cuda-bundle

cmake --preset release >/dev/null
cmake --build $build --target cuda_kernels cuda_limits cuda_contract cuda_bench linnet
rm -rf $bundle
mkdir -p $bundle/bin $bundle/kernels $bundle/sources/kernels
cp $build/bin/cuda_contract $build/bin/cuda_bench $build/bin/linnet $bundle/bin/
strip $bundle/bin/*
cp $build/cuda/linnet* $bundle/kernels/
cp $build/cuda/limits/limits.fatbin $bundle/
cp -r kernels/cuda kernels/formats kernels/math $bundle/sources/kernels/
cp bench/cuda/run.sh $bundle/
du -sm $bundle | awk '{ if ($1 > 60) { print "cuda-bundle: " $1 " MiB, over 60" > "/dev/stderr"; exit 1 } print "build/cuda-bundle: " $1 " MiB" }'
