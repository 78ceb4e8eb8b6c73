#!/bin/bash
# The life of an installation in a clean root file system: install, run, upgrade, downgrade, remove, purge, install again.
#
#   packaging/install-test.sh ROOTFS.tar FOLDER-OF-DEBS
#
# The older version is the same packages under the number 0.0.9: what dpkg and the maintainer scripts do is what is tested.
# Needs root; foreign architectures run through binfmt_misc.
set -euo pipefail

rootfs=$1 debs=$2
root=$(mktemp -d "${TMPDIR:-/tmp}/linnet-install.XXXXXX")
cleanup() {
  umount "$root/proc" "$root/dev" 2>/dev/null || true
  rm -rf "$root"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { echo "install-test: $1" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
install() { inside sh -c "dpkg -i $1/*.deb" >"$root/log" 2>&1 || { cat "$root/log"; fail "dpkg -i $1 failed"; }; }
present() { [ -e "$root$1" ] || fail "$1 is missing $2"; }
absent() { [ ! -e "$root$1" ] || fail "$1 is still there $2"; }

tar -x -f "$rootfs" -C "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir "$root/new" "$root/old"
for deb in "$debs"/*.deb; do
  case $deb in *-dbgsym_*) continue ;; esac
  cp "$deb" "$root/new/"
  tree=$root/older
  dpkg-deb -R "$deb" "$tree"
  sed -i -E "s/^Version: .*/Version: 0.0.9/; s/(linnet[a-z0-9-]*) \(= [^)]*\)/\1 (= 0.0.9)/g" "$tree/DEBIAN/control"
  dpkg-deb -Znone -b "$tree" "$root/old/$(basename "$deb")" >/dev/null
  rm -rf "$tree"
done
packages=$(for deb in "$root"/new/*.deb; do dpkg-deb -f "$deb" Package; done | tr '\n' ' ')

answers() {
  local answer
  answer=$(inside linnet run -m /usr/share/linnet/models/pilot-int4.gguf -p 'turn off the lights in the bedroom')
  [[ $answer == *'"intent":"iot_hue_lightoff"'* ]] || fail "linnet run answered '$answer' $1"
}

serves() {  # The program starts, reads its configuration, and the service has its user, rights and folders.
  inside linnetd --check -c /etc/linnet/linnetd.toml >/dev/null || fail "linnetd --check failed $1"
  inside getent passwd linnet >/dev/null || fail "there is no user linnet $1"
  [ "$(stat -c %U:%G:%a "$root/etc/linnet/secrets" 2>/dev/null || true)" = "root:UNKNOWN:750" ] \
    || [ "$(inside stat -c %U:%G:%a /etc/linnet/secrets)" = root:linnet:750 ] || fail "/etc/linnet/secrets is not root's and linnet's $1"
  [ -z "$(inside id -nG linnet | grep -w gpio || true)" ] || fail "linnet is in the group gpio unasked $1"
}

echo "install-test: install $packages"
install /old
answers 'after the installation'
if [[ $packages == *linnetd* ]]; then
  serves 'after the installation'
  inside sh -c 'cp /usr/share/doc/linnetd/examples/device.toml /etc/linnet/conf.d/ && mkdir -p /var/lib/linnet && touch /var/lib/linnet/journal'
  echo '# changed by the owner' >>"$root/etc/linnet/linnetd.toml"
fi
for step in new old new; do
  echo "install-test: to version $step"
  install "/$step"
  answers "after $step"
done
if [[ $packages == *linnetd* ]]; then
  serves 'after the upgrade'
  grep -q 'changed by the owner' "$root/etc/linnet/linnetd.toml" || fail "the upgrade lost the owner's change"
fi
echo 'install-test: remove'
inside dpkg -r $packages >/dev/null 2>&1 || fail 'dpkg -r failed'
absent /usr/bin/linnet 'after the removal'
if [[ $packages == *linnetd* ]]; then
  present /etc/linnet/conf.d/device.toml 'after the removal'
  present /var/lib/linnet/journal 'after the removal'
fi
echo 'install-test: purge'
inside rm -f /etc/linnet/conf.d/device.toml
inside dpkg -P $packages >/dev/null 2>&1 || fail 'dpkg -P failed'
for path in /etc/linnet /var/lib/linnet /var/cache/linnet /usr/share/linnet; do absent "$path" 'after the purge'; done
left=$(inside dpkg -l 2>/dev/null | grep -E '^[^ ]+ +(lib)?linnet' || true)
[ -z "$left" ] || fail "dpkg still knows $left"
echo 'install-test: install again'
install /new
answers 'after all'
echo 'install-test: passed'
