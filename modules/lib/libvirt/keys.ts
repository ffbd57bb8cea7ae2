/**
 * The keys of libvirt's configuration files, and the values that its daemons accept. Called by `libvirtd_conf`. From
 * src/remote/libvirtd.aug.in, remote_daemon_config.c and virlog.c; the refusals were tried with libvirt 9.0.0 and
 * 11.3.0.
 */
import { compareVersions } from '../../../runner/module.ts'
import type { Value } from '../text/libvirt-conf.ts'

export interface Key {
  readonly type: 'bool' | 'number' | 'text' | 'texts' | 'limit'
  /** A single text stands for a list of one. */
  readonly orText?: true
  /** First version of libvirt that reads the key; missing if all hosts in use are newer. */
  readonly since?: string
  /** Read only by the daemons that listen to the network: libvirtd and virtproxyd. */
  readonly network?: true
  readonly minimum?: number
  readonly maximum?: number
  readonly choices?: readonly string[]
  /** A port is a text in these files: a number is written as one. */
  readonly port?: true
  /** libvirt accepts more than the choices and the form allow, but the other values do not work. */
  readonly stricter?: true
  /** Test of the form of a text, and the form in words. */
  readonly form?: readonly [test: (text: string) => boolean, words: string]
}

export interface Keys {
  /** Last version of libvirt whose keys are all in the table. */
  readonly knownTo: string
  readonly keys: Readonly<Record<string, Key>>
}

const UINT_MAX = 4294967295
const INT_MAX = 2147483647

const BOOL: Key = { type: 'bool' }
const COUNT: Key = { type: 'number', minimum: 0, maximum: UINT_MAX }
const INTEGER: Key = { type: 'number', minimum: -INT_MAX - 1, maximum: INT_MAX }
const TEXT: Key = { type: 'text' }
const TEXTS: Key = { type: 'texts' }
const NETWORK_TEXT: Key = { ...TEXT, network: true }
const NETWORK_BOOL: Key = { ...BOOL, network: true }
const FILLED: Key = { ...NETWORK_TEXT, stricter: true, form: [(text) => text !== '', 'an address or a name'] }
const LOCAL_AUTH: Key = { ...TEXT, choices: ['none', 'sasl', 'polkit'] }
/** libvirt accepts polkit here as well, but then nobody can log in: polkit needs a client on the same host. */
const REMOTE_AUTH: Key = { ...NETWORK_TEXT, stricter: true, choices: ['none', 'sasl'] }
const isPort = (text: string): boolean => /^[0-9]+$/.test(text) && Number(text) > 0 && Number(text) <= 65535
/** libvirt 9.0 accepts "99999" and listens on 34463. */
const PORT: Key = { ...NETWORK_TEXT, port: true, stricter: true, form: [isPort, 'a port from 1 to 65535'] }
const MODE: Key = { ...TEXT, form: [(text) => /^[0-7]{1,4}$/.test(text), 'an octal mode in quotes, such as "0770"'] }

const each = (text: string, pattern: RegExp): boolean => text.split(' ').every((part) => part === '' || pattern.test(part))
const isFilters = (text: string): boolean => each(text, /^[1-4]:./)
const isOutputs = (text: string): boolean => each(text, /^[1-4]:(?:stderr|journald|file:[^:]+|syslog:[^:]*)$/)
/** Hexadecimal digits with any hyphens between the bytes, not all bytes the same (virUUIDParse, virUUIDIsValid). */
const isUuid = (text: string): boolean =>
  /^(?:-*[0-9a-f]{2}){16}$/i.test(text) && !/^([0-9a-f]{2})\1{15}$/i.test(text.replaceAll('-', ''))

/**
 * Keys of libvirtd and of the modular daemons. libvirt no longer reads `keepalive_required` and
 * `admin_keepalive_required`.
 */
const DAEMON: Keys = {
  knownTo: '12.8.0',
  keys: {
    listen_tls: NETWORK_BOOL,
    listen_tcp: NETWORK_BOOL,
    tls_port: PORT,
    tcp_port: PORT,
    listen_addr: FILLED,
    unix_sock_group: TEXT,
    unix_sock_ro_perms: MODE,
    unix_sock_rw_perms: MODE,
    unix_sock_admin_perms: MODE,
    unix_sock_dir: TEXT,
    auth_unix_ro: LOCAL_AUTH,
    auth_unix_rw: LOCAL_AUTH,
    auth_tcp: REMOTE_AUTH,
    auth_tls: REMOTE_AUTH,
    tcp_min_ssf: { ...COUNT, network: true, since: '7.10.0', minimum: 112 },
    access_drivers: TEXTS,
    key_file: NETWORK_TEXT,
    cert_file: NETWORK_TEXT,
    key_files: { ...TEXTS, network: true, since: '11.10.0' },
    cert_files: { ...TEXTS, network: true, since: '11.10.0' },
    ca_file: NETWORK_TEXT,
    crl_file: NETWORK_TEXT,
    tls_no_sanity_certificate: NETWORK_BOOL,
    tls_no_verify_certificate: NETWORK_BOOL,
    tls_allowed_dn_list: { ...TEXTS, network: true },
    tls_priority: NETWORK_TEXT,
    sasl_allowed_username_list: TEXTS,
    max_clients: COUNT,
    max_queued_clients: COUNT,
    max_anonymous_clients: COUNT,
    min_workers: COUNT,
    max_workers: { ...COUNT, minimum: 1 },
    prio_workers: COUNT,
    max_client_requests: COUNT,
    admin_min_workers: COUNT,
    admin_max_workers: COUNT,
    admin_max_clients: COUNT,
    admin_max_queued_clients: COUNT,
    admin_max_client_requests: COUNT,
    log_level: { ...COUNT, minimum: 1, maximum: 4 },
    log_filters: { ...TEXT, form: [isFilters, 'filters as `LEVEL:NAME` with blanks between, the level from 1 to 4'] },
    log_outputs: {
      ...TEXT,
      form: [
        isOutputs,
        'outputs as `LEVEL:stderr`, `LEVEL:journald`, `LEVEL:syslog:NAME` or `LEVEL:file:PATH`, the level from 1 to 4',
      ],
    },
    audit_level: COUNT,
    audit_logging: BOOL,
    host_uuid: { ...TEXT, form: [isUuid, 'a UUID whose bytes are not all the same'] },
    host_uuid_source: { ...TEXT, choices: ['smbios', 'machine-id'] },
    keepalive_interval: INTEGER,
    keepalive_count: COUNT,
    admin_keepalive_interval: INTEGER,
    admin_keepalive_count: COUNT,
    ovs_timeout: COUNT,
  },
}

const all = (type: Key, names: string): Readonly<Record<string, Key>> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, type]),
  )

/** Keys of qemu.conf, from libvirtd_qemu.aug of libvirt 9.0.0. */
const QEMU: Keys = {
  knownTo: '9.0.0',
  keys: {
    ...all(
      BOOL,
      `default_tls_x509_verify vnc_auto_unix_socket vnc_tls vnc_tls_x509_verify vnc_sasl vnc_allow_host_audio spice_tls spice_auto_unix_socket
      spice_sasl chardev_tls chardev_tls_x509_verify migrate_tls_x509_verify migrate_tls_force backup_tls_x509_verify vxhs_tls nbd_tls
      nographics_allow_host_audio security_default_confined security_require_confined dynamic_ownership remember_owner auto_dump_bypass_cache
      auto_start_bypass_cache set_process_name dump_guest_core mac_filter relaxed_acs_check log_timestamp virtiofsd_debug`,
    ),
    ...all(
      COUNT,
      `remote_display_port_min remote_display_port_max remote_websocket_port_min remote_websocket_port_max max_processes max_files
      max_threads_per_process max_queued keepalive_count migration_port_min migration_port_max gluster_debug_level`,
    ),
    ...all(
      TEXT,
      `default_tls_x509_cert_dir default_tls_x509_secret_uuid vnc_listen vnc_tls_x509_cert_dir vnc_tls_x509_secret_uuid vnc_password vnc_sasl_dir
      spice_listen spice_tls_x509_cert_dir spice_password spice_sasl_dir chardev_tls_x509_cert_dir chardev_tls_x509_secret_uuid
      migrate_tls_x509_cert_dir migrate_tls_x509_secret_uuid backup_tls_x509_cert_dir backup_tls_x509_secret_uuid vxhs_tls_x509_cert_dir
      vxhs_tls_x509_secret_uuid nbd_tls_x509_cert_dir nbd_tls_x509_secret_uuid user group save_image_format dump_image_format
      snapshot_image_format auto_dump_path bridge_helper pr_helper slirp_helper dbus_daemon lock_manager migration_address migration_host
      memory_backing_dir swtpm_user swtpm_group`,
    ),
    ...all(TEXTS, 'cgroup_controllers cgroup_device_acl namespaces nvram capability_filters'),
    ...all({ ...TEXTS, orText: true }, 'security_driver hugetlbfs_mount'),
    seccomp_sandbox: INTEGER,
    keepalive_interval: INTEGER,
    max_core: { type: 'limit' },
    stdio_handler: { ...TEXT, choices: ['logd', 'file'] },
    deprecation_behavior: { ...TEXT, choices: ['none', 'omit', 'reject', 'crash'] },
    sched_core: { ...TEXT, choices: ['none', 'vcpus', 'emulator', 'full'] },
  },
}

const LISTENING = ['libvirtd', 'virtproxyd']
const LOCAL =
  'virtqemud virtnetworkd virtnodedevd virtnwfilterd virtsecretd virtstoraged virtinterfaced virtxend virtlxcd virtchd virtvboxd virtbhyved virtvzd'

/** The known files, by name without `.conf`. */
export const FILES: ReadonlyMap<string, Keys> = new Map([
  ...LISTENING.map((name) => [name, DAEMON] as const),
  ...LOCAL.split(' ').map((name) => [name, withoutNetwork(DAEMON)] as const),
  ['qemu', QEMU] as const,
])

function withoutNetwork({ knownTo, keys }: Keys): Keys {
  return { knownTo, keys: Object.fromEntries(Object.entries(keys).filter(([, { network }]) => network !== true)) }
}

/** True if a version of libvirt reads the key; an unknown version reads all keys. */
export const isRead = ({ since }: Key, version: string | undefined): boolean =>
  since === undefined || version === undefined || compareVersions(version, since) >= 0

/**
 * Converts a parameter to a value of the file: true is 1, and a port is a text. Undefined for a value that no file
 * can hold.
 */
export function valueOf(given: unknown, key?: Key): Value | undefined {
  if (typeof given === 'boolean') return given ? 1 : 0
  if (typeof given === 'number') return key?.port === true ? String(given) : Number.isSafeInteger(given) ? given : undefined
  if (typeof given === 'string') return given
  return Array.isArray(given) && given.every((item) => typeof item === 'string') ? given : undefined
}

/** Describes the value that the key needs instead; undefined for a valid value. */
export function neededInstead(key: Key, value: Value): string | undefined {
  const { type, orText, minimum = 0, maximum = UINT_MAX, choices, form } = key
  if (type === 'bool') return value === 0 || value === 1 ? undefined : 'true or false'
  if (type === 'texts') return isTexts(value) || (orText === true && typeof value === 'string') ? undefined : 'a list of texts'
  if (type === 'limit' && value === 'unlimited') return undefined
  if (type !== 'text') {
    const isGood = typeof value === 'number' && value >= minimum && value <= maximum
    return isGood ? undefined : `a whole number from ${minimum} to ${maximum}${type === 'limit' ? ', or `unlimited`' : ''}`
  }
  if (choices !== undefined && !(typeof value === 'string' && choices.includes(value))) return `one of ${choices.join(', ')}`
  if (form !== undefined && !(typeof value === 'string' && form[0](value))) return form[1]
  return typeof value === 'string' ? undefined : 'a text'
}

/** Does the same, but only for a value that the daemon itself would refuse. */
export const neededByDaemon = (key: Key, value: Value): string | undefined =>
  neededInstead(key.stricter === true ? { type: key.type } : key, value)

const isTexts = (value: Value): boolean => Array.isArray(value) && value.every((item) => typeof item === 'string')
