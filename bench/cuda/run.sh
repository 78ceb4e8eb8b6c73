#!/bin/sh
# Runs what `make cuda-bundle` packed, on a machine with a GPU: contract tests, sanitizers, and kernels against limits.
#
#   run.sh [OUT]    figures as JSON and all output go to the folder OUT (here, without it)
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
kernels=$here/kernels
limits=$here/limits.fatbin
export LINNET_CUDA_KERNELS="$kernels"
status=0

# The compiler there may know the card better.
if command -v nvcc >/dev/null && [ "${LINNET_CUDA_REBUILD:-0}" = 1 ]; then
  mkdir -p "$out/rebuilt"
  (cd "$here/sources" && nvcc -std=c++20 -O3 -fmad=false -I. -fatbin -arch=native kernels/cuda/kernels.cu -o "$out/rebuilt/linnet.fatbin") &&
    export LINNET_CUDA_KERNELS="$out/rebuilt"
fi

echo "== contract tests"
"$here/bin/cuda_contract" --gtest_brief=1 >"$out/contract.log" 2>&1 || status=1
tail -n 40 "$out/contract.log"

if command -v compute-sanitizer >/dev/null && [ "${LINNET_CUDA_SANITIZE:-1}" = 1 ]; then
  small='*QuantisingGives*:*RmsNorm*:*LayerNorm*:*Rotations*:*/one:*/group_of_seven:*/ring:*Few*/Q4_0:*Few*/Q6_K:*Many*/Q8_0:*Many*/Q5_K:*Many*/BF16:*Embed*/Q5_1'
  for tool in memcheck racecheck; do
    echo "== compute-sanitizer $tool"
    timeout 150 compute-sanitizer --tool $tool --error-exitcode 9 "$here/bin/cuda_contract" --gtest_brief=1 --gtest_filter="$small" \
      >"$out/$tool.log" 2>&1 || status=1
    tail -n 4 "$out/$tool.log"
  done
fi

echo "== kernels against the card's limits"
"$here/bin/cuda_bench" "$LINNET_CUDA_KERNELS" "$limits" "$out/kernels.json" 2>&1 | tee "$out/kernels.log" || status=1
exit $status
