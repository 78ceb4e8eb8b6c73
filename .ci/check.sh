#!/bin/bash
# Everything that must hold before a change lands; `make check` runs it, and .ci/run runs `make check`.
#
# One line a stage with its time; a stage's whole output is in build/check/STAGE.log, and is shown where it fails, which
# ends the check. The last line is the sum over all test runs: "123 passed, 0 failed, 2 skipped".
set -u
cd "$(dirname "$0")/.."

results=build/check
jobs=$(nproc)
most_before_armhf=${LINNET_CHECK_ARMHF_WITHIN:-3600}  # Seconds; what checks may take 90 minutes in all.
rm -rf "$results"
mkdir -p "$results"
# CCACHE_DEPEND: what a source includes comes from its compilation; else ccache preprocesses each first, a fifth of a build from an
# empty cache.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 OPENBLAS_NUM_THREADS=1

finish() {  # $1: 0, or 1 after a stage that failed without a failed test
  local sum
  sum=$(.ci/summary.py "$results" 2>/dev/null) || sum="0 passed, 0 failed, 0 skipped"
  case $1$sum in 1*", 0 failed,"*) sum=${sum/, 0 failed,/, 1 failed,} ;; esac
  echo "$sum" | tee "$results/sum"
  exit "$1"
}

# stage NAME COMMAND...: runs it, or ends the check.
stage() {
  local name=$1 start=$SECONDS log=$results/$1.log
  shift
  if "$@" >"$log" 2>&1 </dev/null; then
    printf '%-22s %4d s   %s\n' "$name" $((SECONDS - start)) "$(grep -hE '[0-9]+ passed, |^clang-tidy: ' "$log" | tail -n 1)"
    return
  fi
  tail -n 200 "$log"
  printf '%-22s %4d s   FAILED\n' "$name" $((SECONDS - start))
  echo "check: stage $name failed; its output is above and in $log"
  finish 1
}

build() {  # build CONFIGURE-PRESET [BUILD-PRESET]
  cmake --preset "$1" && cmake --build --preset "${2:-$1}" -- -j "$jobs"
}

tests() {  # tests TEST-PRESET [JOBS]
  local folder=$PWD/$results/$1
  mkdir -p "$folder"
  GTEST_OUTPUT=xml:$folder/ ctest --preset "$1" -j "${2:-$jobs}" --output-junit "$folder/ctest.xml"
  local outcome=$?
  .ci/summary.py --skips "$folder"
  return $outcome
}

format() {
  git ls-files -co --exclude-standard '*.cc' '*.h' '*.c' '*.cu' | xargs -r clang-format-14 --dry-run --Werror
}

setup() {
  toolchains/setup-debian.sh check && toolchains/make-sysroot.sh arm64 build/sysroot-arm64 &&
    toolchains/make-sysroot.sh armhf build/sysroot-armhf || return 1
  # Debian 13's; its plug-in is tested where it can be had.
  toolchains/make-sysroot.sh --libgpiod2 amd64 build/libgpiod2-amd64 || echo "libgpiod 2 cannot be had here: its plug-in is not tested"
}

stage setup setup
stage format format
stage release-build build release
stage release-tests tests release $((jobs + 1))  # The system's tests wait more than they compute.
stage aarch64-build build aarch64
stage aarch64-tests tests aarch64-quick
stage cortex-a53-tests tests aarch64-a53
stage asan-build build asan
stage asan-tests tests asan-quick
stage tsan-build build tsan
stage tsan-tests tests tsan
stage clang-tidy .ci/tidy.py build/asan build/aarch64
if [ "$SECONDS" -lt "$most_before_armhf" ]; then
  stage armhf-build build armhf armhf-quick
  stage armhf-tests tests armhf-quick
else
  echo "armhf was NOT built or tested: this machine is slow, $SECONDS s are gone. By hand: cmake --preset armhf && cmake --build --preset armhf-quick && ctest --preset armhf-quick"
fi
grep -hE '^skipped in ' "$results"/*-tests.log
printf '%-22s %4d s\n' total "$SECONDS"
finish 0
