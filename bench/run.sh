#!/bin/sh
# Prints the figures that bench/RESULTS.md records: every benchmark program, then `linnet bench` on the default models.
set -eu
programs=${1:?usage: bench/run.sh DIRECTORY-OF-PROGRAMS}
root=$(cd "$(dirname "$0")/.." && pwd)

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"
echo "== kernels_bench"
"$programs/kernels_bench"
vocabulary=${LINNET_SHARED_DATA:-$root/../shared/data}/vocab/ggml-vocab-qwen2.gguf
if [ -f "$vocabulary" ]; then
  echo "== tokenizer_bench"
  "$programs/tokenizer_bench" "$vocabulary"
  echo "== mask_bench"
  model=$(mktemp -d)
  trap 'rm -rf "$model"' EXIT
  "$programs/linnet" make-model --like qwen2.5-0.5b --type q4_0 -o "$model/plain.gguf" >/dev/null
  "$programs/linnet" pack "$model/plain.gguf" -o "$model/packed.gguf" >/dev/null
  "$programs/mask_bench" "$model/packed.gguf" "$vocabulary"
else
  echo "tokenizer_bench, mask_bench: need $vocabulary (LINNET_SHARED_DATA)"
fi
for model in "$root"/models/pilot/pilot-int4.gguf "$root"/models/pilot/pilot-int8.gguf; do
  [ -f "$model" ] || continue
  echo "== linnet bench ${model##*/}"
  "$programs/linnet" bench -m "$model"
done
