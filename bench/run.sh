#!/bin/sh
# Prints the figures that bench/RESULTS.md records: every benchmark program, then `linnet bench` on the default models.
set -eu
programs=${1:?usage: bench/run.sh DIRECTORY-OF-PROGRAMS}
root=$(cd "$(dirname "$0")/.." && pwd)

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"
for program in "$programs"/*_bench; do
  [ -x "$program" ] || continue
  echo "== ${program##*/}"
  "$program"
done
for model in "$root"/models/pilot/pilot-int4.gguf "$root"/models/pilot/pilot-int8.gguf; do
  [ -f "$model" ] || continue
  echo "== linnet bench ${model##*/}"
  "$programs/linnet" bench -m "$model"
done
