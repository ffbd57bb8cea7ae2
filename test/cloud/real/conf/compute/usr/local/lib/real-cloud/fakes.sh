#!/bin/bash
# fakes.sh COUNT: runs nova-compute with Nova's fake driver for fake01 .. fakeCOUNT, and ends those above.
set -euo pipefail
mkdir -p /etc/nova/fake
for n in $(seq "$1"); do
  name=$(printf 'fake%02d' "$n")
  install -d -o nova -g nova "/var/lib/nova/$name"
  cat > "/etc/nova/fake/$name.conf" <<CONF
[DEFAULT]
host = $name
compute_driver = fake.FakeLiveMigrateDriver
state_path = /var/lib/nova/$name
update_resources_interval = 60
[oslo_concurrency]
lock_path = /var/lib/nova/$name
CONF
  systemctl start --no-block "nova-fake@$name"
done
for file in /etc/nova/fake/fake*.conf; do
  [ -e "$file" ] || continue
  name=$(basename "$file" .conf)
  [ "$((10#${name#fake}))" -le "$1" ] || { systemctl stop "nova-fake@$name"; rm -rf "$file" "/var/lib/nova/$name"; }
done
