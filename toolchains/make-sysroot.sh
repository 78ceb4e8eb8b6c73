#!/bin/sh
# Makes the root file system that a cross build compiles and links against, from Debian packages unpacked, not installed.
#
#   toolchains/make-sysroot.sh arm64|armhf DIR                   quick no-op when DIR already holds this list of packages
#   toolchains/make-sysroot.sh --libgpiod2 amd64|arm64|armhf DIR   only libgpiod 2, out of Debian 13, for its plug-in
#
# It reads the packages through a private apt state, so it needs no root and the machine's own architectures and packages
# stay as they are (docs/decisions/0003). The mirror is the one that the machine's apt uses, or $LINNET_MIRROR.
set -eu

usage="usage: make-sysroot.sh [--libgpiod2] amd64|arm64|armhf DIR"
contents=sysroot
if [ "${1:-}" = --libgpiod2 ]; then
  contents=libgpiod2
  shift
fi
architecture=${1:?$usage}
sysroot=${2:?$usage}

case $architecture in
  amd64) triple=x86_64-linux-gnu ;;
  arm64) triple=aarch64-linux-gnu ;;
  armhf) triple=arm-linux-gnueabihf ;;
  *) echo "make-sysroot.sh: unknown architecture '$architecture'; use amd64, arm64 or armhf" >&2; exit 2 ;;
esac

packages="
  libc6-dev libgcc-12-dev libstdc++-12-dev
  libarmadillo-dev libcli11-dev libcpp-httplib-dev libexpected-dev libfmt-dev libgpiod-dev libmosquitto-dev libopenblas-pthread-dev
  libpcre2-dev libsodium-dev libspdlog-dev libsqlite3-dev libsystemd-dev libtomlplusplus-dev libutf8proc-dev libzstd-dev
  nlohmann-json3-dev
  libbenchmark-dev libgmock-dev libgtest-dev
"

# Only libgpiod needs the younger release; what else its plug-in links stays as old as everything.
release=bookworm
if [ "$contents" = libgpiod2 ]; then
  release=trixie
  packages="libgpiod-dev libgpiod3"
fi

# What the sysroot was made from; this script is part of it.
recipe="$contents $architecture $(cksum <"$0")"
[ "$(cat "$sysroot/.recipe" 2>/dev/null)" = "$recipe" ] && exit 0

mirror=${LINNET_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Codename: bookworm' 'Component: main' | sort -u | head -n 1)}
if [ -z "$mirror" ]; then
  echo "make-sysroot.sh: apt knows no mirror of Debian 12 (bookworm main); run apt-get update, or set LINNET_MIRROR" >&2
  exit 5
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/linnet-sysroot.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

mkdir -p "$work/etc/preferences.d" "$work/lists/partial" "$work/cache/archives/partial"
: >"$work/status"
echo "deb $mirror $release main" >"$work/etc/sources.list"
cat >"$work/apt.conf" <<CONF
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$work/etc/preferences.d";
Dir::Etc::trustedparts "/usr/share/keyrings";
CONF

echo "make-sysroot.sh: unpacking $architecture libraries of Debian $release"
export APT_CONFIG="$work/apt.conf"
apt-get update -qq
# shellcheck disable=SC2086  # A list of package names.
if [ "$contents" = libgpiod2 ]; then
  (cd "$work/cache/archives" && apt-get download -qq $packages)
else
  apt-get install -y -qq --download-only $packages >/dev/null
fi

# The merged /usr layout, which base-files would make at installation.
tree="$work/tree"
mkdir -p "$tree/usr/bin" "$tree/usr/lib" "$tree/usr/sbin"
ln -s usr/bin usr/lib usr/sbin "$tree/"
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" --keep-directory-symlink --no-same-owner
  dpkg-deb -W --showformat='${Package}\t${Version}\n' "$package" >>"$tree/.packages"  # For bills of materials.
done
rm -rf "$tree/usr/share/doc" "$tree/usr/share/man" "$tree/usr/share/locale"

# A linker that resolves an absolute link would leave the sysroot.
find "$tree" -type l -lname '/*' | while read -r link; do
  target=$(readlink "$link")
  ln -snf "$(realpath -m -s --relative-to="$(dirname "$link")" "$tree$target")" "$link"
done

# What update-alternatives would do when OpenBLAS is installed.
if [ "$contents" = sysroot ]; then
  libraries="$tree/usr/lib/$triple"
  ln -snf openblas-pthread/libopenblas.so "$libraries/libopenblas.so"
  ln -snf openblas-pthread/libopenblas.so.0 "$libraries/libopenblas.so.0"
  ln -snf ../openblas-pthread/pkgconfig/openblas.pc "$libraries/pkgconfig/openblas.pc"
  cp -a "$tree/usr/include/$triple/openblas-pthread/." "$tree/usr/include/$triple/"
fi

echo "$recipe" >"$tree/.recipe"
mkdir -p "$(dirname "$sysroot")"
rm -rf "$sysroot"
mv "$tree" "$sysroot"
