#!/bin/bash
# build-layer.sh LOWER UPPER PACKAGES-FOLDER PACKAGE…: what installing the packages on top of LOWER (overlayfs: a:b) changes, in UPPER.
# Runs in a mount and a process namespace of its own: whatever happens, no mount and no process is left.
set -euo pipefail
lower=$1 upper=$2 cache=$3
shift 3
scratch=$upper.scratch
rm -rf "$scratch"
mkdir -p "$upper" "$scratch/work" "$scratch/root" "$scratch/archives"
root=$scratch/root
mount -t overlay layer -o "lowerdir=$lower,upperdir=$upper,workdir=$scratch/work,volatile" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
# apt locks its archives, and two layers are built at once: each has its own folder, with links to what is there already
ln "$cache"/*.deb "$scratch/archives/" 2>/dev/null || true
mkdir -p "$root/var/cache/apt/archives"
mount --bind "$scratch/archives" "$root/var/cache/apt/archives"
touch "$scratch/resolv.conf"
[ ! -e /etc/resolv.conf ] || cat /etc/resolv.conf > "$scratch/resolv.conf"
mount --bind "$scratch/resolv.conf" "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
units() { inside find /etc/systemd/system -name '*.wants' -exec ls {} + | grep -E '\.(service|socket|timer)$' | sort -u; }
before=$(units)
inside apt-get -o Dpkg::Options::=--force-unsafe-io -o APT::Keep-Downloaded-Packages=true install --yes --no-install-recommends "$@"
"$(dirname "$0")/compile-python.sh" "$root"
# nothing that came with the packages starts by itself: each host enables what it needs
comm -13 <(echo "$before") <(units) | xargs --no-run-if-empty chroot "$root" systemctl --quiet disable

rm "$root/usr/sbin/policy-rc.d"
ln "$scratch"/archives/*.deb "$cache/" 2>/dev/null || true
umount "$root/etc/resolv.conf" "$root/var/cache/apt/archives" "$root/proc"
umount --recursive "$root/dev"
umount "$root"
rm -rf "$scratch"
