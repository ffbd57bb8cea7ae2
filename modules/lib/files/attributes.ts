import {
  defined,
  Failure,
  type Address,
  type Change,
  type HostAccess,
  type Stat,
  type WriteOptions,
} from '../../../runner/module.ts'

/** The wanted owner, group and mode of a file; a missing one stays unchanged. */
export interface Attributes {
  readonly owner?: string | undefined
  readonly group?: string | undefined
  readonly mode?: string | undefined
}

/** Parameters of every module that writes files. */
export const attributeParams = {
  owner: { type: 'string', minLength: 1, description: 'Owner, by name or number.' },
  group: { type: 'string', minLength: 1, description: 'Group, by name or number.' },
  mode: { type: 'string', pattern: '^[0-7]{3,4}$', description: "Permissions in octal, in quotes: `'0640'`." },
} as const

/** `640` and `0640` are the same mode; the second form is used throughout. */
const fourDigits = (mode: string): string => mode.padStart(4, '0')

const isName = (wanted: string): boolean => !/^\d+$/.test(wanted)

/** Returns the attributes that differ from the wanted ones; for a missing file, all wanted ones. */
export function attributeChanges(
  resource: Address,
  stat: Stat | undefined,
  { owner, group, mode }: Attributes,
): readonly Change[] {
  const compared = [
    ['owner', owner, stat && (owner !== undefined && isName(owner) ? stat.owner : String(stat.uid))],
    ['group', group, stat && (group !== undefined && isName(group) ? stat.group : String(stat.gid))],
    ['mode', mode && fourDigits(mode), stat?.mode],
  ] as const
  return compared.flatMap(([property, after, before]) =>
    after === undefined || after === before ? [] : [{ resource, property, before, after }],
  )
}

export const writeOptions = ({ owner, group, mode }: Attributes): WriteOptions =>
  defined({ owner, group, mode: mode === undefined ? undefined : fourDigits(mode) })

/**
 * Changes owner, group and mode, in this order: a change of owner clears the set-user-ID bits. Follows links. The
 * mode has five digits: with fewer, coreutils' chmod keeps the set-user-ID and set-group-ID bits of a folder.
 */
export async function setAttributes(
  host: Pick<HostAccess, 'run'>,
  paths: readonly string[],
  { owner, group, mode }: Attributes,
): Promise<void> {
  if (paths.length === 0) return
  const whose = `${owner ?? ''}${group === undefined ? '' : `:${group}`}`
  if (whose !== '') await mustRun(host, ['chown', whose, '--', ...paths])
  if (mode !== undefined) await mustRun(host, ['chmod', `0${fourDigits(mode)}`, '--', ...paths])
}

/** Runs a program that must succeed, and returns its output. Throws `Failure` with its error output. */
export async function mustRun(host: Pick<HostAccess, 'run'>, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv)
  if (code === 0) return stdout
  const said = stderr.trim()
  throw new Failure(
    `${argv.slice(0, -1).join(' ')} ${argv.at(-1) ?? ''} exited with ${code}`.trim(),
    said === '' ? {} : { why: said.split('\n').at(-1) ?? said, stderr: said },
  )
}
