#!/bin/sh
# compile-python.sh ROOT: compiles the Python of all packages that is not compiled yet. (A few files are for other versions of Python.)
set -eu
chroot "$1" python3 -m compileall -q -j 2 /usr/lib/python3/dist-packages > /dev/null || true
