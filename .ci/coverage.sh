#!/bin/bash
# Runs the tests of the coverage tree and prints line coverage of every source outside tests/.
set -eu
cd "$(dirname "$0")/.."
profiles=$PWD/build/coverage/profiles
rm -rf "$profiles"
LLVM_PROFILE_FILE=$profiles/%p.profraw ctest --preset coverage -j "$(nproc)" --quiet
llvm-profdata-14 merge -sparse "$profiles"/*.profraw -o build/coverage/all.profdata
mapfile -t programs < <(find build/coverage/bin -maxdepth 1 -type f -executable)
llvm-cov-14 report "${programs[0]}" "${programs[@]/#/-object=}" -instr-profile=build/coverage/all.profdata \
  -ignore-filename-regex='/tests/|/usr/' -show-functions=false | awk '{print $1, $8, $9, $10}' | column -t
