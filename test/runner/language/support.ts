/** Files, nodes and modules for tests of the language. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { posix, resolve } from 'node:path'
import { child, parseSource, rootOf } from '../../../runner/source/yaml.ts'
import type { Node } from '../../../runner/source/source.ts'
import { type AnyModule, defineModule } from '../../../runner/module.ts'
import type { Files } from '../../../runner/world.ts'

const absent = (error: NodeJS.ErrnoException) => {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}

const readOnly = () => Promise.reject(new Error('nothing is written here'))

/** The files below a folder of this machine, read-only. */
export const filesIn = (folder: string): Files => ({
  read: (path) => readFile(resolve(folder, path)).catch(absent),
  list: async (path) => (await readdir(resolve(folder, path)).catch(absent))?.toSorted(),
  kind: async (path) => {
    const found = await stat(resolve(folder, path)).catch(absent)
    return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
  },
  write: readOnly,
  create: readOnly,
  append: readOnly,
  remove: readOnly,
  entry: readOnly,
})

/** A controller's files in memory, by path. */
export const filesOf = (contents: Readonly<Record<string, string>>): Files => {
  const at = (path: string) => posix.normalize(path)
  const all = new Map(Object.entries(contents).map(([path, text]) => [at(path), text]))
  const below = (folder: string) => [...all.keys()].filter((path) => at(folder) === '.' || path.startsWith(`${at(folder)}/`))
  return {
    read: async (path) => (all.has(at(path)) ? new TextEncoder().encode(all.get(at(path))) : undefined),
    list: async (path) => {
      const depth = at(path) === '.' ? 0 : at(path).split('/').length
      const names = new Set(below(path).map((file) => file.split('/')[depth]!))
      return names.size === 0 ? undefined : [...names].toSorted()
    },
    kind: async (path) => (all.has(at(path)) ? 'file' : below(path).length > 0 ? 'directory' : undefined),
    write: readOnly,
    create: readOnly,
    append: readOnly,
    remove: readOnly,
    entry: readOnly,
  }
}

/** A value of a YAML text as a node: `nodeOf('x: "{{ a }}"', 'x')`. */
export const nodeOf = <T = unknown>(yaml: string, ...path: (string | number)[]): Node<T> =>
  path.reduce<Node>(child, rootOf(parseSource('test.yml', yaml).source)) as Node<T>

const text = { type: 'string', description: 'Text.' } as const
const check = async () => ({ changes: [], before: undefined })
const apply = async () => {}

/** Modules with every form of parameter that there is; they do nothing. */
export const modules: ReadonlyMap<string, AnyModule> = new Map(
  [
    defineModule({
      name: 'debug',
      summary: 'Show something.',
      params: { type: 'object', additionalProperties: false, properties: { msg: text, value: { description: 'Anything.' } } },
      examples: [{ name: 'A message', params: { msg: 'hello' } }],
      check,
    }),
    defineModule({
      name: 'command',
      summary: 'Run a program.',
      params: {
        type: 'object',
        additionalProperties: false,
        properties: { cmd: text, chdir: text, argv: { type: 'array', items: text, description: 'Words.' } },
      },
      returns: { rc: 'Exit status.', stdout: 'Output.', lines: 'Its lines.' },
      examples: [{ name: 'A program', params: { cmd: 'uptime' } }],
      check,
      apply,
    }),
    defineModule({
      name: 'copy',
      summary: 'Copy a file.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['src', 'dest'],
        properties: {
          src: text,
          dest: { type: 'string', minLength: 1, description: 'Where to.' },
          mode: { type: 'string', pattern: '^[0-7]{4}$', description: 'Permissions.' },
          owner: text,
          backup: { type: 'boolean', default: false, description: 'Keep the old one.' },
          force: { type: 'boolean', default: true, description: 'Replace it.' },
        },
      },
      examples: [{ name: 'A file', params: { src: 'nova.conf', dest: '/etc/nova/nova.conf', mode: '0640' } }],
      check,
      apply,
    }),
    defineModule({
      name: 'libvirt_listen',
      summary: 'Let libvirtd listen.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['transport'],
        properties: { transport: { type: 'string', enum: ['tcp', 'tls', 'ssh'], description: 'How.' } },
      },
      examples: [{ name: 'Plain TCP', params: { transport: 'tcp' } }],
      check,
      apply,
    }),
    defineModule({
      name: 'live_migration',
      summary: 'Move a server.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['server'],
        properties: {
          server: text,
          block_migration: { enum: ['auto', true, false], default: 'auto', description: 'Whether disks are copied.' },
          timeout: { type: 'integer', minimum: 0, default: 0, description: 'Seconds.' },
          retries: { type: 'integer', minimum: 1, maximum: 5, default: 1, description: 'Times.' },
          rate: { type: 'number', description: 'MiB/s.' },
          tags: { type: 'array', items: text, minItems: 1, description: 'Names.' },
          hosts: {
            type: 'array',
            description: 'Hosts.',
            items: { type: 'object', additionalProperties: false, required: ['name'], properties: { name: text } },
          },
          labels: { type: 'object', additionalProperties: text, description: 'Free keys.' },
        },
      },
      examples: [
        { name: 'To whichever host fits', params: { server: 'web-1' } },
        { name: 'To a host', params: { server: 'web-1', timeout: 600 } },
      ],
      check,
      apply,
    }),
    defineModule({
      name: 'assert',
      summary: 'Stop unless conditions hold.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['that'],
        properties: {
          that: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', format: 'expression', description: 'A condition.' },
            description: 'Conditions.',
          },
        },
      },
      examples: [{ name: 'One', params: { that: ['1 == 1'] } }],
      check,
    }),
  ].map((module): [string, AnyModule] => [module.name, module as AnyModule]),
)
