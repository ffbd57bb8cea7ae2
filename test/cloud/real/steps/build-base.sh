#!/bin/bash
# build-base.sh TARGET PACKAGES-FOLDER PACKAGE,PACKAGE…: a small Debian with systemd; the sources.list comes on standard input,
# options of apt (one a line) in APT_OPTIONS. Runs in a mount and a process namespace of its own.
set -euo pipefail
target=$1 cache=$2 packages=$3 here=$(dirname "$0")
options=()
while IFS= read -r option; do [ -z "$option" ] || options+=(--aptopt="$option"); done <<< "${APT_OPTIONS:-}"

# the machine's own environment may point programs at folders that are not in there
unset TMPDIR
export PACKAGES_FOLDER=$cache
mmdebstrap --variant=apt --mode=root "${options[@]}" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='APT::Install-Suggests "false"' \
  --skip=cleanup/apt --include="$packages" --setup-hook="$here/before-packages.sh" --essential-hook="$here/before-python.sh" \
  --customize-hook="$here/compile-python.sh" bookworm "$target" -

ln "$target"/var/cache/apt/archives/*.deb "$cache/" 2>/dev/null || true
rm -f "$target"/var/cache/apt/archives/*.deb "$target"/etc/ssh/ssh_host_* "$target"/var/lib/dbus/machine-id
: > "$target/etc/machine-id"

# what needs real hardware, another machine's clock or the network, or would work in the background
chroot "$target" systemctl --quiet mask \
  systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-timesyncd.service systemd-resolved.service \
  systemd-networkd-wait-online.service getty.target console-getty.service dev-hugepages.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  fstrim.timer

# an operator who is not root, with sudo
chroot "$target" useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > "$target/etc/sudoers.d/ops"
chmod 440 "$target/etc/sudoers.d/ops"
