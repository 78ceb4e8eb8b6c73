#!/bin/sh
# Installs the Debian packages that Linnet is built and checked with; does nothing when they are all there.
#
#   toolchains/setup-debian.sh demo    what `make demo` needs: build the programs and run them
#   toolchains/setup-debian.sh check   the above and what `make check` needs: clang, cross compilers, emulators, sanitizers
#
# Debian packages alone, through apt; sudo where the caller is not root. Nothing comes from any other registry.
set -eu

mode=${1:-check}

# The compiler, the build tools and every library of the product (DESIGN: dependencies), with what a release
# configuration looks for.
demo_packages="
  cmake g++ git make ninja-build pkgconf python3
  libcli11-dev libcpp-httplib-dev libexpected-dev libfmt-dev libgpiod-dev libmosquitto-dev libopenblas-pthread-dev
  libpcre2-dev libsodium-dev libspdlog-dev libsqlite3-dev libsystemd-dev libtomlplusplus-dev libutf8proc-dev libzstd-dev
  nlohmann-json3-dev
  libbenchmark-dev libgmock-dev libgtest-dev
"

# clang-14 builds the sanitized trees (its sanitized JSON and CLI11 units compile twice as fast as gcc's).
check_packages="
  binutils ccache
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static
  mosquitto
"

case $mode in
  demo) packages=$demo_packages ;;
  check) packages="$demo_packages $check_packages" ;;
  *) echo "setup-debian.sh: unknown mode '$mode'; use demo or check" >&2; exit 2 ;;
esac

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=""
for package in $packages; do
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    echo "setup-debian.sh: missing packages, and neither root nor sudo to install them:$missing" >&2
    exit 5
  fi
}

install_missing() {
  # shellcheck disable=SC2086  # A list of package names.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 $missing </dev/null >/dev/null
}

echo "setup-debian.sh: installing$missing"
# Package lists are fetched only where they are absent or too old to name a file that still exists.
# shellcheck disable=SC2086
if apt-get install --simulate $missing >/dev/null 2>&1 && install_missing; then exit 0; fi
as_root apt-get update -qq </dev/null
install_missing
