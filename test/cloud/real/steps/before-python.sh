#!/bin/sh
# before-python.sh ROOT: has packages compile no Python. Each would start Python several times for it; compile-python.sh does all at once.
set -eu
chroot "$1" dpkg-divert --quiet --local --rename --add /usr/bin/py3compile
ln -s /bin/true "$1/usr/bin/py3compile"
