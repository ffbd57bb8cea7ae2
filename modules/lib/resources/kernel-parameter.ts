/** A parameter of the running kernel, a file below `/proc/sys`. Called by `sysctl`. */
import { type Address, Failure, isSecretSetting, nearest, type Target } from '../../../runner/module.ts'
import type { Resource } from './resource.ts'

export interface ParameterWish {
  readonly host: string
  /** With dots or slashes, as sysctl reads it. */
  readonly name: string
  readonly value: string
}

/** The value before, as the kernel writes it. */
interface ParameterState {
  readonly value: string
}

const ROOT = '/proc/sys'

export function kernelParameter({ host, name: given, value: wanted }: ParameterWish): Resource<ParameterState> {
  const name = parameterName(given)
  const address: Address = { host, kind: 'kernel-parameter', name }
  const isSecret = isSecretSetting(name)
  const result = (value: string) => ({ name, ...(isSecret ? {} : { value }) })
  return {
    address,

    async look(target) {
      const value = await readParameter(target, name)
      const change = {
        resource: address,
        before: normalised(value),
        after: normalised(wanted),
        ...(isSecret ? { sensitive: true as const } : {}),
      }
      return { state: { value }, changes: isSameValue(value, wanted) ? [] : [change], result: result(value) }
    },

    async make(target) {
      await setParameter(target, name, wanted)
      const value = await readParameter(target, name)
      if (isSameValue(value, wanted)) return result(value)
      throw new Failure(`${name} is not the wanted value on ${target.host}`, {
        why: isSecret
          ? 'the kernel keeps another value'
          : `the kernel made \`${normalised(value)}\` of \`${normalised(wanted)}\``,
        help: 'give `value` in the form in which the kernel keeps it, or one that it accepts',
      })
    },

    async restore(target, { value }) {
      if ((await readParameter(target, name)) !== value) await setParameter(target, name, value)
    },

    // A secret has no property: comparing it would need a digest with the run's key. A saved plan and `undo` see its
    // drift in the difference itself.
    describe: ({ value }) => [{ resource: address, properties: isSecret ? {} : { value: normalised(value) } }],
  }
}

/**
 * Returns the name with dots: sysctl.d(5) swaps dots and slashes unless a slash is the first of them
 * (`net/ipv4/conf/eth0.5/mtu`).
 */
export const parameterName = (name: string): string => (/^[^./]*\//.test(name) ? swapped(name) : name)

export const isSameValue = (one: string, other: string): boolean => normalised(one) === normalised(other)

/** Writes one blank where the kernel writes a tab between the numbers of a list. */
export const normalised = (value: string): string => value.trim().replaceAll(/\s+/g, ' ')

const swapped = (name: string): string => name.replaceAll(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))

async function readParameter(target: Target, name: string): Promise<string> {
  const bytes = await target.read(`${ROOT}/${swapped(name)}`)
  if (bytes !== undefined) return new TextDecoder().decode(bytes).trimEnd()
  const meant = await nearestName(target, swapped(name).split('/'))
  throw new Failure(
    `unknown kernel parameter \`${name}\` on ${target.host}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`,
    {
      kind: 'input',
      help: 'correct `name`, or load the kernel module that brings it (modprobe) first',
    },
  )
}

async function setParameter(target: Target, name: string, value: string): Promise<void> {
  const { code, stderr } = await target.run(['sysctl', '-w', `${name}=${value}`])
  if (code === 0) return
  throw new Failure(`cannot set ${name}${isSecretSetting(name) ? '' : ` to \`${normalised(value)}\``} on ${target.host}`, {
    why: stderr.trim() || `sysctl ended with status ${code}`,
    help: 'give a value that the kernel accepts; the parameter may be read-only for this user',
  })
}

/** Returns the name with its first unknown part replaced by the nearest known one. */
async function nearestName(target: Target, parts: readonly string[], depth = 0): Promise<string | undefined> {
  const part = parts[depth]
  const names = await target.list([ROOT, ...parts.slice(0, depth)].join('/'))
  if (part === undefined || names === undefined) return undefined
  if (names.includes(part)) return nearestName(target, parts, depth + 1)
  const meant = nearest(part, names)
  return meant === undefined ? undefined : swapped(parts.with(depth, meant).join('/'))
}
