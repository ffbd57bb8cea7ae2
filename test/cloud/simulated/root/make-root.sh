#!/bin/sh
# Makes the private root of a simulated host and stays as its first process: sh make-root.sh NAME DISK_GIB [SHARED_FOLDER]
# Runs in fresh mount, uts, pid and ipc namespaces. Ends, and everything inside with it, when standard input ends.
set -e
name=$1 disk=$2 shared=$3
mount --make-rprivate /
[ -z "$shared" ] || exec 5<"$shared"
mount -t tmpfs -o mode=755 simulated /tmp
cd /tmp
mkdir -p dev etc home proc root run/sim srv sys tmp usr var/cache var/lib/nova/instances var/lib/libvirt/images var/log/nova var/tmp old
chmod 1777 tmp var/tmp run/sim
chmod 700 root

# Programs and libraries are the machine's, read-only; /usr/local is the host's own, first in PATH.
for folder in bin sbin lib lib32 lib64 libx32; do
  if [ -L /$folder ]; then cp -P /$folder $folder
  elif [ -d /$folder ]; then mkdir $folder; mount --rbind /$folder $folder; mount -o remount,bind,ro,nosuid,nodev $folder; fi
done
mount --rbind /usr usr
mount -o remount,bind,ro,nosuid,nodev usr
mount -t tmpfs -o mode=755 simulated usr/local
mkdir -p usr/local/bin usr/local/sbin
[ ! -d /etc/alternatives ] || { mkdir etc/alternatives; mount --bind /etc/alternatives etc/alternatives; mount -o remount,bind,ro,nosuid,nodev etc/alternatives; }
[ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache etc/

for device in null zero full random urandom tty; do : >dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/shm
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
ln -s /run var/run

# What would reach the machine's kernel is read-only. Where the machine hides parts of /proc, its own has to do.
mount -t proc proc proc 2>/dev/null || mount --rbind /proc proc
for part in sys sysrq-trigger irq bus; do
  [ ! -e proc/$part ] || { mount --bind proc/$part proc/$part && mount -o remount,bind,ro,nosuid,nodev,noexec proc/$part; }
done
: >run/sim/meminfo
mount --bind run/sim/meminfo proc/meminfo

if [ -z "$shared" ]; then mount -t tmpfs -o "size=${disk}g,mode=755" /dev/vdb var/lib/nova/instances
else mount --no-canonicalize --bind /proc/self/fd/5 var/lib/nova/instances; fi
hostname "$name"
mkfifo -m 666 run/sim/bus
pivot_root . old
umount -l /old
rmdir /old
cd /

# Requests of programs inside go out line by line; orphans are reaped by wait.
exec 3<&0 </dev/null
cat <>/run/sim/bus &
echo ready
cat <&3 >/dev/null &
exec 3<&-
wait $!
