#!/bin/sh
# Makes a tar of a minimal Debian 12 that has what the packages depend on, and nothing of ours.
#
#   packaging/make-rootfs.sh amd64|arm64|armhf FILE.tar [MORE,PACKAGES]      quick no-op when FILE.tar was made by this script
#
# Foreign maintainer scripts run under qemu-user through binfmt_misc, which is mounted where it is missing. Needs root.
set -eu

architecture=${1:?usage: make-rootfs.sh amd64|arm64|armhf FILE.tar}
file=${2:?usage: make-rootfs.sh amd64|arm64|armhf FILE.tar}
packages=libgcc-s1,libgpiod2,libmosquitto1,libopenblas0,libpcre2-8-0,libsodium23,libsqlite3-0,libstdc++6,libsystemd0,libzstd1,systemd,udev${3:+,$3}

recipe="$architecture $packages $(cksum <"$0")"
[ -e "$file" ] && [ "$(cat "$file.recipe" 2>/dev/null)" = "$recipe" ] && exit 0

if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || /usr/lib/systemd/systemd-binfmt
fi
mirror=${LINNET_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Codename: bookworm' 'Component: main' | sort -u | head -n 1)}
mkdir -p "$(dirname "$file")"
mmdebstrap --quiet --mode=root --variant=minbase --architectures="$architecture" --include="$packages" \
  --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$file" "deb $mirror bookworm main"
echo "$recipe" >"$file.recipe"
