#!/bin/sh
# The virtual machine's first process: loads the modules, mounts the disk, gives way to systemd.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module" || echo "guest: $module was not loaded"
done </modules/order
waited=0
while [ ! -b /dev/vda ] && [ "$waited" -lt 100 ]; do
  /bin/busybox sleep 0.1
  waited=$((waited + 1))
done
/bin/busybox mount -t ext4 /dev/vda /disk || exec /bin/busybox sh
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /disk/dev
exec /bin/busybox switch_root /disk /sbin/init </disk/dev/console >/disk/dev/console 2>&1
