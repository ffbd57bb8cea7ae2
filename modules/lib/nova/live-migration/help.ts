/** Help for a live migration that Nova ended, by Nova's reason. The first matching pattern applies. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [
    /unacceptable cpu|compatib.*cpu|cpu.*compatib|cpu model/i,
    'choose a host with the same CPU model, or set `cpu_mode` to a model that both hosts have',
  ],
  [
    /no valid host|novalidhost/i,
    'ask the pre-flight (`migration_preflight`) which check fails on which host; a host that is disabled, full or excluded by a filter is not valid',
  ],
  [/not on shared storage|invalidsharedstorage/i, 'the disks are local: use `block_migration: auto`'],
  [
    /not on local storage|can not be used with shared storage|invalidlocalstorage/i,
    'the disks are shared: use `block_migration: auto`',
  ],
  [
    /already exists.*expected not to|destinationdiskexists/i,
    "an earlier move left this server's folder on the target: look at it, then move it out of the way",
  ],
  [
    /unable to connect to server|connection refused|no route to host|failed to connect/i,
    'let libvirtd on the target listen for migrations, and open its port and 49152-49215 between the hosts',
  ],
  [
    /authentication|certificate|tls|gnutls/i,
    'check the certificates of both hosts (`virt-pki-validate`) and the authentication that libvirtd asks for',
  ],
  [/disk.*(too small|not enough)|not enough.*disk|no space left/i, 'free space on the target, or choose another one'],
  [/lack of memory|insufficient.*memory|cannot allocate memory/i, 'choose a host with more free memory'],
  [/hypervisor.*(old|version|type)|too old/i, 'move to a host whose hypervisor is at least as new as the one it runs on'],
  [
    /unsafe migration/i,
    'libvirt does not take the storage for shared: mount it as a cluster file system, or use local disks with block migration',
  ],
  [
    /service.*unavailable|is down|messagingtimeout|timed out waiting for a reply/i,
    'wait until nova-compute is up on both hosts, then try again',
  ],
  [/port binding|vif|neutron/i, "look at the network agent on the target and at the port's binding"],
  [
    /attempt to migrate guest to the same host|same host/i,
    'both hosts have the same UUID: give one its own `host_uuid` in libvirtd.conf',
  ],
]

export const helpFor = (why: string): string | undefined => KNOWN.find(([pattern]) => pattern.test(why))?.[1]
