#!/bin/sh
# Proves the packages of one architecture: `make deb-check ARCH=…`, after `make deb`.
#
#   packaging/check-deb.sh amd64|arm64|armhf [FOLDER-OF-DEBS]
#
# lintian without a word, symbols and dependencies (check_deb.py), the same bytes from a second build of the packages, and the
# life of an installation in a clean Debian 12 root file system: install, run, upgrade, downgrade, remove, purge, install again.
# Foreign architectures run under qemu-user. Needs root for the root file system.
set -eu

architecture=${1:?usage: check-deb.sh amd64|arm64|armhf [FOLDER-OF-DEBS]}
cd "$(dirname "$0")/.."
debs=$(realpath "${2:-build/deb/$architecture}")
work=$(mktemp -d "${TMPDIR:-/tmp}/linnet-deb-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo 'check-deb: symbols, libraries, dependencies, hardening'
packaging/check_deb.py "$debs"

echo 'check-deb: lintian'
lintian --allow-root --pedantic --fail-on error,warning "$debs"/*.changes

echo 'check-deb: a second packing gives the same bytes'
LINNET_BUILD=${LINNET_BUILD:-build/package-$architecture} packaging/build-deb.sh "$architecture" "$work/again" >/dev/null
for package in "$debs"/*.deb; do
  cmp "$package" "$work/again/$(basename "$package")"
done

echo 'check-deb: the life of an installation'
rootfs=build/rootfs-$architecture.tar
packaging/make-rootfs.sh "$architecture" "$rootfs"
packaging/install-test.sh "$rootfs" "$debs"
