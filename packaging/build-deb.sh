#!/bin/sh
# Makes the Debian packages of one architecture: `make deb ARCH=arm64`. On Debian 12; other architectures are cross-compiled.
#
#   packaging/build-deb.sh amd64|arm64|armhf [OUTPUT-FOLDER]      default build/deb/ARCH
#
# The tree is built in build/package-ARCH (kept, so that the next run is quick) and installed into a staged copy of what
# debhelper needs; LINNET_BUILD=FOLDER takes what is built there instead. Times in the packages are the changelog's.
set -eu

architecture=${1:?usage: build-deb.sh amd64|arm64|armhf [OUTPUT-FOLDER]}
output=$(realpath -m "${2:-build/deb/$architecture}")
cd "$(dirname "$0")/.."

toolchains/setup-debian.sh deb
libgpiod2=build/libgpiod2-$architecture
toolchains/make-sysroot.sh --libgpiod2 "$architecture" "$libgpiod2"
[ "$architecture" = "$(dpkg --print-architecture)" ] || toolchains/make-sysroot.sh "$architecture" "build/sysroot-$architecture"

SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)
# Without a base folder: ccache would rewrite the paths that the compiler maps, and the packages would tell whether it was used.
export SOURCE_DATE_EPOCH CCACHE_BASEDIR= CCACHE_NOHASHDIR=1
triple=$(dpkg-architecture -a"$architecture" -qDEB_HOST_MULTIARCH 2>/dev/null)
build=${LINNET_BUILD:-}
if [ -z "$build" ]; then
  build=build/package-$architecture
  cmake --preset "package-$architecture" -DCMAKE_INSTALL_LIBDIR="lib/$triple" -DLINNET_LIBGPIOD2="$PWD/$libgpiod2" >/dev/null
  cmake --build "$build" -- -j"${JOBS:-$(nproc)}"
fi

version=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
stage=$output/linnet-$version
rm -rf "$output"
mkdir -p "$stage"
cp -r packaging/debian "$stage/debian"
cp -r packaging models/pilot/README.md LICENSE "$stage/"
mkdir -p "$stage/tests/library"
cp tests/library/example.c "$stage/tests/library/"
DESTDIR=$stage/staged cmake --install "$build" >/dev/null
# Compiled-in times and paths are the same for everyone; so are the staged files' times.
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cd "$stage"
DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" DEB_BUILD_PROFILES="cross nocheck" LINNET_STAGED="$stage/staged" \
  dpkg-buildpackage -a"$architecture" -b -d -us -uc >"$output/build.log" 2>&1 || { tail -n 40 "$output/build.log"; exit 1; }
cd - >/dev/null
rm -rf "$stage"
packaging/sbom.py "$architecture" "$output"
ls "$output"/*.deb
