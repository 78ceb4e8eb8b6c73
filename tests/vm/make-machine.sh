#!/bin/bash
# Makes a virtual machine that has Debian 12, systemd, mosquitto, a simulated GPIO chip, and our packages ready to install.
#
#   tests/vm/make-machine.sh FOLDER-OF-DEBS OUTPUT-FOLDER      gives vmlinuz, initramfs, disk.img in OUTPUT-FOLDER
#
# The kernel is Debian's; its GPIO simulator, which Debian leaves out, is built from the kernel's sources as a module. What
# does not depend on our packages is kept for the next run. Needs root (the root file system's owners and devices).
set -euo pipefail

debs=$(realpath "${1:?usage: make-machine.sh FOLDER-OF-DEBS OUTPUT-FOLDER}")
mkdir -p "${2:?usage: make-machine.sh FOLDER-OF-DEBS OUTPUT-FOLDER}"
output=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
cd "$here/../.."

headers=$(dpkg-query -W -f '${Depends}' linux-headers-amd64 | grep -o 'linux-headers-[^ ,]*' | head -n 1)
version=${headers#linux-headers-}
kernel=$output/kernel-$version

unpack_kernel() {
  rm -rf "$kernel.new"
  mkdir "$kernel.new"
  (cd "$kernel.new" && apt-get -qq download "linux-image-$version")
  dpkg -x "$kernel.new"/*.deb "$kernel.new"
  rm "$kernel.new"/*.deb
  depmod -b "$kernel.new" "$version"
}

# gpio-sim needs irq_sim, which Debian's kernel lacks too, and which calls what is not exported to modules: the exported
# generic_handle_irq does the same.
build_gpio_simulator() {
  local source=linux-source-6.1
  local module=$kernel.new/gpio-sim
  mkdir "$module"
  tar -x -f "/usr/src/$source.tar.xz" -C "$module" --strip-components=3 \
    "$source/drivers/gpio/gpio-sim.c" "$source/drivers/gpio/gpiolib.h" "$source/kernel/irq/irq_sim.c"
  sed -i 's/handle_simple_irq(irq_to_desc(irqnum));/generic_handle_irq(irqnum);/' "$module/irq_sim.c"
  printf 'obj-m := gpio-simulator.o\ngpio-simulator-y := gpio-sim.o irq_sim.o\n' >"$module/Makefile"
  make -s -C "/usr/src/$headers" M="$module" modules
}

# busybox, the modules up to the disk's file system, and the two that the tests need; then Debian's own init.
pack_initramfs() {
  local tree=$kernel.new/initramfs
  mkdir -p "$tree"/{bin,dev,proc,sys,disk,modules}
  cp /usr/bin/busybox "$tree/bin/"
  ln -s busybox "$tree/bin/sh"
  local module file
  for module in virtio_pci virtio_blk virtio_net ext4 configfs sch_netem; do
    modprobe -d "$kernel.new" -S "$version" --show-depends "$module" | awk '$1 == "insmod" {print $2}'
  done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$tree/modules/"
    basename "$file" >>"$tree/modules/order"
  done
  cp "$kernel.new/gpio-sim/gpio-simulator.ko" "$tree/modules/"
  echo gpio-simulator.ko >>"$tree/modules/order"
  install -m 755 "$here/guest-init.sh" "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$kernel.new/initramfs.cpio.gz"
}

recipe="$version $(cat "$0" "$here/guest-init.sh" | cksum)"
if [ "$(cat "$kernel/recipe" 2>/dev/null)" != "$recipe" ]; then
  unpack_kernel
  build_gpio_simulator
  pack_initramfs
  echo "$recipe" >"$kernel.new/recipe"
  rm -rf "$kernel"
  mv "$kernel.new" "$kernel"
fi
cp "$kernel/boot/vmlinuz-$version" "$output/vmlinuz"
cp "$kernel/initramfs.cpio.gz" "$output/initramfs"

packaging/make-rootfs.sh amd64 "$output/rootfs.tar" systemd-sysv,apparmor,kmod,dbus,iproute2,mosquitto,procps,libopenblas0
root=$(mktemp -d "${TMPDIR:-/tmp}/linnet-vm.XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -x -f "$output/rootfs.tar" -C "$root"
mkdir "$root/packages"
cp "$debs"/*.deb "$root/packages/"
rm -f "$root"/packages/linnet-cuda_*  # Its drop-in loosens the sandbox that is looked at.
rm -f "$root"/packages/*-dbgsym_*
"$here/prepare-root.sh" "$root"
rm -f "$output/disk.img"
# A journal in the file system, and nothing that is still initialised after the first boot.
mke2fs -q -t ext4 -O has_journal -E root_owner=0:0 -d "$root" "$output/disk.img" 1200M
