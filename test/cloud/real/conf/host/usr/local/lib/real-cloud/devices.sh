#!/bin/sh
# A container has no udev to make these nodes.
set -eu
node() { [ -e "$1" ] || mknod -m 666 "$1" c 10 "$2"; }
mkdir -p /dev/net
node /dev/net/tun 200
node /dev/fuse 229

# The /sys of the container is read-only and shows the interfaces of the machine; Nova and Neutron write to those of this host. The new one
# takes the old one's place in one go: systemd is using the control groups below it all the time.
if ! grep -q '^sysfs /sys sysfs rw' /proc/mounts; then
  mkdir -p /run/sys
  mount -t sysfs sysfs /run/sys
  mount -o remount,rw /run/sys
  mount --make-private /run/sys
  mount --bind /sys/fs/cgroup /run/sys/fs/cgroup
  mount --make-private /run/sys/fs/cgroup
  mount --rbind /run/sys /sys
  umount --recursive /run/sys
  rmdir /run/sys
fi
