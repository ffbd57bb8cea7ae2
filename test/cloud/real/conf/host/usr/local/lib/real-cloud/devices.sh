#!/bin/sh
# A container has no udev to make these nodes.
set -eu
node() { [ -e "$1" ] || mknod -m 666 "$1" c 10 "$2"; }
mkdir -p /dev/net
node /dev/net/tun 200
node /dev/fuse 229

# The /sys of the container is read-only and shows the interfaces of the machine; Nova and Neutron write to those of this host.
if ! grep -q '^sysfs /sys sysfs rw' /proc/mounts; then
  mkdir -p /run/cgroup
  mount --bind /sys/fs/cgroup /run/cgroup
  mount -t sysfs sysfs /sys
  mount -o remount,rw /sys
  mount --move /run/cgroup /sys/fs/cgroup
fi
