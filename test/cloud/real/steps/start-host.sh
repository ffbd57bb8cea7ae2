#!/bin/bash
# start-host.sh HOST GROUP LOWER FOLDER NETWORK STAGING [OPTION…]: becomes the host, a systemd of its own in a container.
# GROUP is its control group, LOWER are the read-only trees (overlayfs: a:b), FOLDER holds what the host writes, NETWORK is its network namespace, STAGING are files
# to lay over its root first. Runs in a mount namespace of its own, so that the overlay goes when the host ends.
set -euo pipefail
host=$1 group=$2 lower=$3 folder=$4 network=$5 staging=$6
shift 6

# One control group in every hierarchy: the hosts' own trees must not meet in the root, and by it they are found again and ended.
groups=$(awk '{ for (i = 7; i <= NF; i++) if ($i == "-") { if ($(i + 1) ~ /^cgroup2?$/) print $5; break } }' /proc/self/mountinfo)
for hierarchy in $groups; do
  mkdir -p "$hierarchy/$group"
  if [ -e "$hierarchy/cpuset.cpus" ]; then
    cat "$hierarchy/cpuset.cpus" > "$hierarchy/$group/cpuset.cpus"
    cat "$hierarchy/cpuset.mems" > "$hierarchy/$group/cpuset.mems"
  fi
  # a host is many processes and gets the time of several
  [ ! -e "$hierarchy/$group/cpu.shares" ] || echo 4096 > "$hierarchy/$group/cpu.shares"
  echo $$ > "$hierarchy/$group/cgroup.procs"
done

# systemd-nspawn keeps notes in /run and leaves them there; these go with the mount namespace
mount -t tmpfs run /run

# a volatile overlay refuses its old work folder
rm -rf "$folder/work"
mkdir -p "$folder/upper" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay "$host" -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work,volatile" "$root"

if [ -d "$staging" ]; then
  # onto the files that are there, so that these keep their owners and modes
  cp --recursive --no-preserve=all "$staging/files/." "$root/"
  (cd "$staging/append" && find . -type f) | while read -r file; do cat "$staging/append/$file" >> "$root/$file"; done
  # keys have owners and modes of their own; the folders that are there keep theirs
  [ ! -d "$staging/private" ] || tar -C "$staging/private" -cf - . | tar -C "$root" --no-overwrite-dir --same-owner -xpf -
  while read -r verb unit; do chroot "$root" systemctl --quiet "$verb" "$unit"; done < "$staging/units"
  rm -rf "$staging"
fi

export UNIFIED_CGROUP_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine="$host" --hostname="$host" --directory="$root" \
  --network-namespace-path="$network" --capability=all --system-call-filter='@raw-io @module userfaultfd' \
  --link-journal=no --resolv-conf=off --timezone=off --console=pipe --kill-signal=SIGRTMIN+3 "$@"
