#!/bin/sh
# Prints the figures that bench/RESULTS.md records: every benchmark program, `linnet bench` on the default models and, with LINNET_PEERS
# (options of bench/compare/compare.py that name other engines), the comparison with those.
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
if [ -n "${LINNET_PEERS:-}" ]; then
  models=$(mktemp -d)
  trap 'rm -rf "${model:-$models}" "$models"' EXIT
  for shape in 0.5b 1.5b; do
    for type in q4_0 q8_0; do
      echo "== compare qwen2.5-$shape $type"
      "$programs/linnet" make-model --like "qwen2.5-$shape" --type "$type" -o "$models/model.gguf" >/dev/null
      # shellcheck disable=SC2086 # Options, split into words.
      "$root/bench/compare/compare.py" --linnet "$programs/linnet" --model "$models/model.gguf" $LINNET_PEERS
    done
  done
fi
