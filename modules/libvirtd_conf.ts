/** The module `libvirtd_conf`: keys of libvirt's configuration files, checked as the daemon would check them. */
import { posix } from 'node:path'
import {
  type Change,
  compareVersions,
  Failure,
  invalidInput,
  isSecretSetting,
  list,
  type ObjectSchema,
  suggestion,
  type TypeOf,
} from '../runner/module.ts'
import { findDaemons, type Daemons } from './lib/libvirt/daemons.ts'
import { FILES, isRead, type Keys, neededByDaemon, neededInstead, valueOf } from './lib/libvirt/keys.ts'
import { fileAt } from './lib/files/paths.ts'
import { fileKind, type FileState } from './lib/resources/file-state.ts'
import { type EditedFile, editedFile, fileParams } from './lib/resources/file.ts'
import { type Resource, resourceModule } from './lib/resources/resource.ts'
import { type Entry, readConf, sameValue, setKey, type Value, written } from './lib/text/libvirt-conf.ts'
import { decodeText, encodeText } from './lib/text/lines.ts'

const FOLDER = '/etc/libvirt'
/** Has all keys that virtproxyd.conf may have. */
const USUAL = `${FOLDER}/libvirtd.conf`

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['options'],
  properties: {
    path: {
      type: 'string',
      pattern: '^/',
      description:
        "Path of the file; its name decides which keys are valid. Default: /etc/libvirt/libvirtd.conf, or virtproxyd.conf if the host's units show modular daemons.",
    },
    options: {
      type: 'object',
      additionalProperties: { description: 'True or false, a whole number, a text or a list of texts; null removes the key.' },
      description: 'Keys and their values.',
    },
    create: { type: 'boolean', default: false, description: 'Create the file if it is missing.' },
    ...fileParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default resourceModule({
  name: 'libvirtd_conf',
  summary:
    "Set or remove keys of libvirt's configuration (libvirtd.conf, virtqemud.conf, qemu.conf …). Every other byte stays unchanged.",
  description: [
    'For libvirt the first line of a key counts: this line is changed, and later ones are removed. A new key goes below its commented default, or else to the end of the file.',
    "libvirt's daemons cannot check a file: they silently accept unknown keys, a reload with a broken file succeeds, and only the next start fails. So this module refuses, before anything is written, a key that the host's version of libvirt does not read, a value that the daemon would refuse, and a file that the daemon could not start with. A port above 65535 is an error too: libvirt accepts it and listens on another.",
    'The module only edits. Restart the daemon in a handler (`service`, `state: restarted`): running guests keep running. With systemd socket units, `listen_tcp`, `listen_tls` and `listen_addr` have no effect: libvirtd reads them only with `--listen`.',
    'A key of qemu.conf that is newer than libvirt 9.0 is set with a warning: its value is not checked.',
  ].join('\n\n'),
  params,
  returns: {
    path: 'The file.',
    version: 'Version of libvirt whose keys were allowed; missing if no daemon was found on the host.',
  },
  examples: [
    {
      name: 'Listen on TCP without a login (only with --listen, and behind a firewall)',
      params: { options: { listen_tls: false, listen_tcp: true, auth_tcp: 'none', listen_addr: '10.0.0.5' } },
    },
    {
      name: 'Allow two certificates; reset the port to its default',
      params: { options: { tls_allowed_dn_list: ['CN=compute14', 'CN=compute15'], tls_port: null } },
    },
    {
      name: 'Another file',
      params: { path: '/etc/libvirt/qemu.conf', options: { migration_port_min: 49152, migrate_tls_x509_verify: true } },
    },
  ],

  validate({ path, options }) {
    const file = fileOf(path ?? USUAL)
    if (Object.keys(options).length === 0) throw invalidInput('`options` is empty', 'give a key and its value')
    wishesOf(options, file)
  },

  resources: (params, host) => [conf(params, host)],
})

interface Wish {
  readonly key: string
  readonly wanted: Value | undefined
}

/** The default path depends on the host, so `look` finds it; the state holds the path found. */
function conf({ path: given, options, ...rest }: Params, host: string): Resource<FileState> {
  const at = (path: string): EditedFile => {
    const wishes = wishesOf(options, fileOf(path))
    return {
      ...rest,
      host,
      path,
      removes: wishes.every(({ wanted }) => wanted === undefined),
      edit: (bytes) => edited(path, wishes, bytes),
      differences: (bytes) => differences(wishes, readConf(decodeText(bytes).text, path)),
    }
  }
  return {
    ...fileKind(host),
    address: fileAt(host, given ?? FOLDER),
    async look(target) {
      const daemons = await findDaemons(target, groupsIn(options))
      const path = given ?? `${FOLDER}/${mainOf(daemons, host)}.conf`
      const version = daemons.versions.get(posix.basename(path, '.conf')) ?? [...daemons.versions.values()][0]
      const keys = fileOf(path)
      const warnings = mustBeRead(options, keys, path, version)
      mustKnow(daemons.missingGroups, host)
      const [look, bytes] = await Promise.all([editedFile(at(path)).look(target), target.read(path).catch(() => undefined)])
      return {
        ...look,
        result: { path, ...(version === undefined ? {} : { version }) },
        warnings: [
          ...(version === undefined ? [`the version of libvirt on ${host} is unknown: no daemon of it was found`] : []),
          ...warnings,
          ...withoutEffect(bytes, wishesOf(options, keys), keys, path, version),
        ],
      }
    },
    make: (target, state) => editedFile(at(given ?? USUAL)).make(target, state),
  }
}

function fileOf(path: string): Keys {
  const keys = FILES.get(posix.basename(path, '.conf'))
  if (keys !== undefined && path.endsWith('.conf')) return keys
  throw invalidInput(
    `the keys of ${path} are unknown`,
    `give a file called ${list([...FILES.keys()].map((name) => `${name}.conf`))}`,
  )
}

function mainOf({ main }: Daemons, host: string): string {
  if (main !== undefined) return main
  throw new Failure(`libvirt is not installed on ${host}`, {
    help: 'install it; if it runs in a container, give the `path` of its configuration',
  })
}

/** Returns the wanted values in the form of the file. Throws `Failure` for a value that the daemon would refuse. */
function wishesOf(options: Params['options'], { keys }: Keys): readonly Wish[] {
  return Object.entries(options).map(([key, given]) => {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(key)) throw invalidInput(`\`${key}\` cannot be the name of a key`)
    if (given === null) return { key, wanted: undefined }
    const spec = keys[key]
    const value = valueOf(given, spec)
    const needed =
      value === undefined ? 'true or false, a whole number, a text or a list of texts' : spec && neededInstead(spec, value)
    if (value === undefined || needed !== undefined)
      throw invalidInput(
        `libvirt does not accept ${isSecretSetting(key, JSON.stringify(given)) ? 'this value' : JSON.stringify(given)} for \`${key}\``,
        `give ${needed}`,
      )
    // Throws for a text that no quotes can hold.
    written(value)
    return { key, wanted: value }
  })
}

const groupsIn = ({ unix_sock_group: group }: Params['options']): readonly string[] =>
  typeof group === 'string' && !/^\+?[0-9]*$/.test(group) ? [group] : []

function mustKnow(missing: readonly string[], host: string): void {
  for (const group of missing)
    throw new Failure(`unknown group ${group} on ${host}: libvirt would not start`, {
      kind: 'input',
      help: 'create the group first, or give another',
    })
}

/** Refuses keys that this version does not read; for a version newer than the table, returns warnings. */
function mustBeRead(options: Params['options'], file: Keys, path: string, version: string | undefined): readonly string[] {
  return Object.entries(options).flatMap(([key, given]) => {
    const reason = given === null ? undefined : unread(key, file, path, version)
    if (reason === undefined) return []
    if (reason.certain) throw invalidInput(reason.text, 'libvirt would accept the line and do nothing: correct or remove the key')
    return [reason.text]
  })
}

/** Returns the reason why a key has no effect; `certain` is false if this version is newer than the table. */
function unread(
  key: string,
  { keys, knownTo }: Keys,
  path: string,
  version: string | undefined,
): { readonly certain: boolean; readonly text: string } | undefined {
  const spec = keys[key]
  if (spec !== undefined && isRead(spec, version)) return undefined
  const name = posix.basename(path)
  if (spec !== undefined)
    return { certain: true, text: `\`${key}\` of ${name} needs libvirt ${spec.since}, the host has ${version}` }
  const meant = suggestion(key, Object.keys(keys))
  return version === undefined || compareVersions(version, knownTo) > 0
    ? { certain: false, text: `\`${key}\` is no key of ${name} up to libvirt ${knownTo}: its value is not checked${meant}` }
    : { certain: true, text: `\`${key}\` is no key of ${name} in libvirt ${version}${meant}` }
}

/** Returns warnings about existing lines that libvirt silently ignores. */
function withoutEffect(
  bytes: Uint8Array | undefined,
  wishes: readonly Wish[],
  file: Keys,
  path: string,
  version: string | undefined,
): readonly string[] {
  if (bytes === undefined) return []
  return readConf(decodeText(bytes).text, path).flatMap(({ key, line }) => {
    const reason = wishes.some((wish) => wish.key === key) ? undefined : unread(key, file, path, version)
    return reason?.certain === true ? [`line ${line} of ${path} has no effect: ${reason.text}`] : []
  })
}

function edited(path: string, wishes: readonly Wish[], bytes: Uint8Array): Uint8Array {
  const { text: old, encoding } = decodeText(bytes)
  const text = wishes.reduce((now, { key, wanted }) => setKey(now, path, key, wanted), old)
  mustStart(readConf(text, path), fileOf(path), path)
  return encodeText(text, encoding, path)
}

/**
 * Refuses a file with an unchanged value that would keep the daemon from starting. Of two lines with the same key,
 * the daemon reads the first.
 */
function mustStart(entries: readonly Entry[], { keys }: Keys, path: string): void {
  for (const { key, value, line } of entries.filter((one, at) => entries.findIndex(({ key }) => key === one.key) === at)) {
    const spec = keys[key]
    const needed = spec && neededByDaemon(spec, value)
    if (needed !== undefined)
      throw new Failure(`libvirt would not start with ${path}: line ${line}: \`${key}\` needs ${needed}`, {
        help: `set \`${key}\` in \`options\` too, or null to remove it`,
      })
  }
}

/** Returns a difference for each changed key, and one for each later line of a key, which libvirt ignores. */
function differences(wishes: readonly Wish[], entries: readonly Entry[]): readonly Omit<Change, 'resource'>[] {
  return wishes.flatMap(({ key, wanted }) => {
    const own = entries.filter((entry) => entry.key === key)
    const [first, ...later] = own
    const after = wanted === undefined ? undefined : written(wanted)
    const isSame = first === undefined ? wanted === undefined : wanted !== undefined && sameValue(first.value, wanted)
    const sensitive = isSecretSetting(key, after, ...own.map(({ value }) => shown(value))) ? { sensitive: true as const } : {}
    return [
      ...(isSame ? [] : [{ property: key, before: first && shown(first.value), after, ...sensitive }]),
      ...later.map(({ value, line }) => ({
        property: `${key} (again in line ${line})`,
        before: shown(value),
        after: undefined,
        ...sensitive,
      })),
    ]
  })
}

/** Shows an existing value, whatever its quotes. */
const shown = (value: Value): string =>
  typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? `[${value.map(shown).join(', ')}]` : String(value)
