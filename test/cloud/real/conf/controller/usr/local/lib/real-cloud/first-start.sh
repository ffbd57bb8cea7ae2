#!/bin/bash
# first-start.sh STEP: one step of the control plane's first start; first-start.ts has the order.
set -euo pipefail
as() { local user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/var/lib/"$user" "$@"; }
start() { systemctl enable --quiet "$@"; systemctl start "$@"; }

case $1 in
  databases)
    systemctl start --no-block rabbitmq-server
    start mariadb
    mysql < /usr/local/lib/real-cloud/databases.sql ;;
  keystone)
    install -d -o keystone -g keystone -m 700 /etc/keystone/fernet-keys /etc/keystone/credential-keys
    as keystone keystone-manage db_sync
    keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone
    keystone-manage credential_setup --keystone-user keystone --keystone-group keystone
    url='{{identity}}/'
    keystone-manage bootstrap --bootstrap-password '{{password}}' --bootstrap-region-id '{{region}}' \
      --bootstrap-public-url "$url" --bootstrap-internal-url "$url" --bootstrap-admin-url "$url"
    start keystone ;;
  placement)
    as placement placement-manage db sync
    start placement-api ;;
  glance)
    as glance glance-manage db_sync
    start glance-api ;;
  nova-databases)
    as nova nova-manage api_db sync
    as nova nova-manage cell_v2 map_cell0 --database_connection 'mysql+pymysql://nova:{{password}}@controller/nova_cell0'
    as nova nova-manage cell_v2 create_cell --name cell1
    as nova nova-manage db sync ;;
  nova)
    start rabbitmq-server
    start nova-conductor nova-scheduler nova-api ;;
  neutron)
    mysql < /usr/local/lib/real-cloud/database-neutron.sql
    as neutron neutron-db-manage --config-file /etc/neutron/neutron.conf --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade head
    start neutron-real ;;
  discover)
    as nova nova-manage cell_v2 discover_hosts ;;
  *) echo "unknown step: $1" >&2; exit 2 ;;
esac
