/** Variables that the runner sets for every host. Playbooks and inventories cannot take their names. */
export const magicNames = [
  'inventory_hostname',
  'inventory_hostname_short',
  'group_names',
  'groups',
  'hostvars',
  'play_hosts',
  'facts',
] as const
