#!/bin/sh
# before-packages.sh ROOT: what has to be in the new root before the first package is.
set -eu
# Neither manuals nor translations. (Told of it by option, mmdebstrap would filter each archive with a slow program.)
mkdir -p "$1/etc/dpkg/dpkg.cfg.d" "$1/var/cache/apt/archives"
cat > "$1/etc/dpkg/dpkg.cfg.d/real-cloud" <<'CONF'
force-unsafe-io
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
CONF
ln "$PACKAGES_FOLDER"/*.deb "$1/var/cache/apt/archives/" 2>/dev/null || true
