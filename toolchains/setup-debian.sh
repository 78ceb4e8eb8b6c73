#!/bin/sh
# Installs the Debian packages that Linnet is built and checked with; does nothing when they are all there.
#
#   toolchains/setup-debian.sh demo    what `make demo` needs: build the programs and run them
#   toolchains/setup-debian.sh check   the above and what `make check` needs: clang, cross compilers, emulators, sanitizers
#   toolchains/setup-debian.sh deb     what `make deb` and `make deb-check` need: debhelper, lintian, cross compilers
#   toolchains/setup-debian.sh vm      the above and what `make vm-check` needs: system emulator, kernel sources, root file systems
#
# Debian packages alone, through apt; sudo where the caller is not root. Nothing comes from any other registry.
set -eu

mode=${1:-check}

# The compiler, the build tools and every library of the product (DESIGN: dependencies), with what a release
# configuration looks for.
demo_packages="
  cmake g++ git make mosquitto ninja-build pkgconf python3
  libarmadillo-dev libcli11-dev libcpp-httplib-dev libexpected-dev libfmt-dev libgpiod-dev libmosquitto-dev libopenblas-pthread-dev
  libpcre2-dev libsodium-dev libspdlog-dev libsqlite3-dev libsystemd-dev libtomlplusplus-dev libutf8proc-dev libzstd-dev
  nlohmann-json3-dev
  libbenchmark-dev libgmock-dev libgtest-dev
"

# clang-14 builds the sanitized trees (its sanitized JSON and CLI11 units compile twice as fast as gcc's).
check_packages="
  binutils ccache
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static
  openssl python3-jsonschema python3-paho-mqtt
"

# clang-19 compiles the GPU's kernels; lowdown turns the manual's Markdown into man pages; mmdebstrap makes the root file systems that packages are installed in.
deb_packages="
  apparmor arch-test bash-completion binutils ccache clang-19 debhelper dh-apparmor dpkg-dev fakeroot lintian lowdown man-db mmdebstrap systemd
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static
"

# The kernel's GPIO simulator is built from its sources: Debian's kernels come without it.
vm_packages="
  bc bison busybox-static cpio e2fsprogs flex kmod libelf-dev linux-headers-amd64 linux-source-6.1 mosquitto-clients qemu-system-x86 xz-utils
"

case $mode in
  demo) packages=$demo_packages ;;
  check) packages="$demo_packages $check_packages" ;;
  deb) packages="$demo_packages $deb_packages" ;;
  vm) packages="$demo_packages $deb_packages $vm_packages" ;;
  *) echo "setup-debian.sh: unknown mode '$mode'; use demo, check, deb or vm" >&2; exit 2 ;;
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
