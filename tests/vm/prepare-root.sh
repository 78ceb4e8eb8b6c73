#!/bin/sh
# Turns a root file system into the test's guest: a network, a broker for the host, GPIO lines, and a root shell on a serial port.
#
#   tests/vm/prepare-root.sh ROOT-FOLDER
set -eu
root=${1:?usage: prepare-root.sh ROOT-FOLDER}

echo linnet-vm >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults 0 0' >"$root/etc/fstab"
: >"$root/etc/machine-id"

# The broker is reached from the host alone, through the emulator's forwarded port.
cat >"$root/etc/mosquitto/conf.d/guest.conf" <<'END'
listener 1883
allow_anonymous true
persistence true
autosave_on_changes true
autosave_interval 1
END

# Lines of a simulated chip, by the names that the test's configuration uses; DOOR is for the test to pull.
cat >"$root/usr/local/sbin/guest-start" <<'END'
#!/bin/sh
set -eu
ip link set lo up
ip link set eth0 up
ip addr replace 10.0.2.15/24 dev eth0
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
bank=/sys/kernel/config/gpio-sim/board/bank
mkdir -p "$bank"
echo 32 >"$bank/num_lines"
number=0
for name in LAMP DOOR $(seq -f 'L%g' 0 29); do
  mkdir -p "$bank/line$number"
  echo "$name" >"$bank/line$number/name"
  number=$((number + 1))
done
echo 1 >"${bank%/bank}/live"
udevadm settle
END

# What the lines' outputs are, a character a line, told on the console whenever it changes.
cat >"$root/usr/local/sbin/guest-watch" <<'END'
#!/bin/sh
lines=/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/board/dev_name)/$(cat /sys/kernel/config/gpio-sim/board/bank/chip_name)
last=
while :; do
  now=
  for number in $(seq 0 31); do
    read -r value <"$lines/sim_gpio$number/value" || value=-
    now=$now$value
  done
  [ "$now" = "$last" ] || echo "guest-lines $now"
  last=$now
  sleep 0.05
done
END
chmod 755 "$root/usr/local/sbin/guest-start" "$root/usr/local/sbin/guest-watch"

unit() { cat >"$root/etc/systemd/system/$1"; }
unit guest-start.service <<'END'
[Unit]
Description=Network and GPIO lines of the guest
Before=mosquitto.service linnetd.service
After=systemd-udevd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/guest-start
StandardOutput=journal+console
StandardError=journal+console
END
unit guest-watch.service <<'END'
[Unit]
Description=The lines' outputs on the console
After=guest-start.service
Requires=guest-start.service
[Service]
ExecStart=/usr/local/sbin/guest-watch
StandardOutput=tty
TTYPath=/dev/ttyS0
END
unit guest-shell.service <<'END'
[Unit]
Description=A root shell for the test
After=guest-start.service
[Service]
ExecStartPre=/bin/stty -F /dev/ttyS1 raw -echo
ExecStart=/bin/sh
StandardInput=file:/dev/ttyS1
StandardOutput=file:/dev/ttyS1
# Not a terminal, or the shell would write prompts.
StandardError=journal
Restart=always
END
wants=$root/etc/systemd/system/multi-user.target.wants
mkdir -p "$wants"
for name in guest-start guest-watch guest-shell; do
  ln -sf "../$name.service" "$wants/$name.service"
done
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
# Nothing that only costs an emulated processor time.
for name in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service \
  getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyS1.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$name"
done
