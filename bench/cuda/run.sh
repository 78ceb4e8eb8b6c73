#!/bin/sh
# Runs what `make cuda-bundle` packed, on a machine with a GPU: contract tests, sanitizers, kernels against limits, whole models.
#
#   run.sh [OUT]    figures as JSON and all output go to the folder OUT (here, without it)
#
# LINNET_CUDA_REBUILD=1 compiles the kernels for this card first, LINNET_CUDA_SANITIZE=0 leaves the sanitizers out,
# LINNET_CUDA_SHAPES=LIST names the shapes of the models (all: ten minutes).
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
kernels=$here/kernels
limits=$here/limits.fatbin
export LINNET_CUDA_KERNELS="$kernels" LINNET_CUDA_FOLDER="$kernels"
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
status=0
mkdir -p "$out"

# The compiler there may know the card better.
if command -v nvcc >/dev/null && [ "${LINNET_CUDA_REBUILD:-0}" = 1 ]; then
  mkdir -p "$out/rebuilt"
  (cd "$here/sources" && nvcc -std=c++20 -O3 -fmad=false -I. -fatbin -arch=native kernels/cuda/kernels.cu -o "$out/rebuilt/linnet.fatbin") &&
    export LINNET_CUDA_KERNELS="$out/rebuilt" LINNET_CUDA_FOLDER="$out/rebuilt"
fi

echo "== contract tests"
"$here/bin/cuda_contract" --gtest_brief=1 >"$out/contract.log" 2>&1 || status=1
tail -n 40 "$out/contract.log"

if command -v compute-sanitizer >/dev/null && [ "${LINNET_CUDA_SANITIZE:-1}" = 1 ]; then
  small='*QuantisingGives*:*RmsNorm*:*LayerNorm*:*Rotations*:*/one:*/one_q8:*/group_of_seven:*/ring:*/ring_q8:*Few*/Q4_0:*Few*/Q6_K:*Many*/Q8_0:*Many*/Q5_K:*Many*/BF16:*Embed*/Q5_1'
  for tool in memcheck racecheck; do
    echo "== compute-sanitizer $tool"
    timeout 150 compute-sanitizer --tool $tool --error-exitcode 9 "$here/bin/cuda_contract" --gtest_brief=1 --gtest_filter="$small" \
      >"$out/$tool.log" 2>&1 || status=1
    tail -n 4 "$out/$tool.log"
  done
fi

echo "== kernels against the card's limits"
"$here/bin/cuda_bench" "$LINNET_CUDA_KERNELS" "$limits" "$out/kernels.json" >"$out/kernels.log" 2>&1 || status=1
cat "$out/kernels.log"

echo "== whole models beside the processor"
if command -v python3 >/dev/null; then
  python3 "$here/models.py" "$here" "$out/models.json" --limits "$out/kernels.json" \
    ${LINNET_CUDA_SHAPES:+--shapes "$LINNET_CUDA_SHAPES"} >"$out/models.log" 2>&1 || status=1
  cat "$out/models.log"
else
  echo "run.sh: there is no python3 here: whole models are not measured"
  status=1
fi
exit $status
