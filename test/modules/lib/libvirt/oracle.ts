/**
 * Two programs that read libvirt's configuration, to compare with: libvirt's own parser (Debian: libvirt0) and augtool with libvirt's lens. Called by
 * the integration tests of `libvirtd_conf` and its parts.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Value } from '../../../../modules/lib/text/libvirt-conf.ts'

// Answers one line of JSON for each line of input: what the parser of the daemons finds in a text, or whether a check accepts a value.
// The struct is virConfValue of src/util/virconf.h: type (3 is a string, 4 a list), next, number, string, list.
const READER = `
import ctypes, json, sys
lib = ctypes.CDLL('libvirt.so.0')
lib.virInitialize()
lib.virGetLastErrorMessage.restype = ctypes.c_char_p
class Value(ctypes.Structure): pass
Value._fields_ = [('type', ctypes.c_int), ('next', ctypes.POINTER(Value)), ('l', ctypes.c_longlong), ('str', ctypes.c_char_p), ('list', ctypes.POINTER(Value))]
Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(Value), ctypes.c_void_p)
lib.virConfReadString.restype = ctypes.c_void_p
lib.virConfReadString.argtypes = [ctypes.c_char_p, ctypes.c_uint]
lib.virConfWalk.argtypes = [ctypes.c_void_p, Callback, ctypes.c_void_p]
lib.virConfFree.argtypes = [ctypes.c_void_p]
def seen(value):
    if value.type == 3: return value.str.decode()
    if value.type != 4: return value.l
    items, at = [], value.list
    while at:
        items.append(seen(at.contents))
        at = at.contents.next
    return items
def read(text):
    lib.virResetLastError()
    conf = lib.virConfReadString(text.encode(), 0)
    if not conf: return {'error': lib.virGetLastErrorMessage().decode()}
    entries = []
    def walk(name, value, opaque):
        if name: entries.append([name.decode(), seen(value.contents)])
        return 0
    lib.virConfWalk(conf, Callback(walk), None)
    lib.virConfFree(conf)
    return {'entries': entries}
def accepts(check, text):
    if check == 'host_uuid':
        raw = (ctypes.c_ubyte * 16)()
        return lib.virUUIDParse(text.encode(), raw) == 0 and lib.virUUIDIsValid(raw) == 1
    parse = lib.virLogParseFilters if check == 'log_filters' else lib.virLogParseOutputs
    return parse(text.encode(), ctypes.byref(ctypes.c_void_p())) >= 0
for line in sys.stdin:
    check, text = json.loads(line)
    print(json.dumps(read(text) if check is None else accepts(check, text)))
`

function ask(questions: readonly (readonly [string | null, string])[]): readonly unknown[] {
  const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', READER], {
    input: questions.map((question) => JSON.stringify(question)).join('\n'),
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    maxBuffer: 1 << 28,
  })
  const lines = stdout.trimEnd().split('\n')
  if (lines.length !== questions.length) throw new Error(`libvirt answered ${lines.length} of ${questions.length}: ${stderr}`)
  return lines.map((line) => JSON.parse(line) as unknown)
}

/** All assignments of a text in its order, or the daemon's words. */
export interface Reading {
  readonly entries?: readonly (readonly [string, Value])[]
  readonly error?: string
}

export const libvirtReads = (texts: readonly string[]): readonly Reading[] =>
  ask(texts.map((text) => [null, text] as const)) as readonly Reading[]

export const libvirtAccepts = (
  check: 'host_uuid' | 'log_filters' | 'log_outputs',
  texts: readonly string[],
): readonly boolean[] => ask(texts.map((text) => [check, text] as const)) as readonly boolean[]

/** Unpacks Debian packages into a folder; nothing is installed. */
export function unpack(folder: string, ...packages: readonly string[]): void {
  const get = (...argv: readonly string[]) => spawnSync('apt-get', ['-q', ...argv], { cwd: folder, encoding: 'utf8' })
  const download = () => get('download', ...packages)
  const first = download()
  if (first.status !== 0 && (get('update').status !== 0 || download().status !== 0))
    throw new Error(`apt-get cannot download ${packages.join(' ')}: ${first.stderr}`)
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.deb'))) {
    const { status, stderr } = spawnSync('dpkg-deb', ['-x', name, '.'], { cwd: folder, encoding: 'utf8' })
    if (status !== 0) throw new Error(`dpkg-deb cannot unpack ${name}: ${stderr}`)
  }
}

/** The nodes that augtool finds in each text, in order: `["listen_tcp", "1"]`, `["#comment", "…"]`, `["access_drivers/1", "polkit"]`. */
export function augtoolReads(
  folder: string,
  lens: string,
  texts: readonly string[],
): readonly (readonly (readonly [string, string])[])[] {
  const batch = join(folder, 'batch')
  mkdirSync(batch)
  texts.forEach((text, at) => writeFileSync(join(batch, String(at)), text))
  const lenses = join(folder, 'usr/share/augeas/lenses')
  const { stdout, stderr } = spawnSync(
    'augtool',
    ['-L', '-A', '-S', '-r', folder, '-I', lenses, '-I', '/usr/share/augeas/lenses/dist', '-t', `${lens}.lns incl /batch/*`],
    {
      input: 'load\nprint /augeas//error/message\nprint /files/batch\n',
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  )
  if (stderr !== '' || stdout.includes('/error/message'))
    throw new Error(`augtool cannot read a file: ${stderr}${stdout.slice(0, 2000)}`)
  const nodes = texts.map((): [string, string][] => [])
  for (const line of stdout.split('\n')) {
    const [, at, name = '', value = ''] = /^\/files\/batch\/(\d+)\/(.+?)(?: = "(.*)")?$/.exec(line) ?? []
    if (at !== undefined) nodes[Number(at)]?.push([name.replace(/\[\d+\]/, ''), value])
  }
  return nodes
}

export const shipped = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8')
