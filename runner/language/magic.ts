/** Variables that the runner itself gives to every host; no playbook and no inventory may take their names. */
export const magicNames = [
  'inventory_hostname',
  'inventory_hostname_short',
  'group_names',
  'groups',
  'hostvars',
  'play_hosts',
  'facts',
] as const
