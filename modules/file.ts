import { defineModule, Failure, type HostAccess } from '../runner/module.ts'
import { attributeParams, mustRun, setAttributes, writeOptions } from './lib/files/attributes.ts'
import { attributesFor, planners, type FileState } from './lib/files/file-states.ts'
import { imageInWords, lookIn, placeLink, restore } from './lib/files/image.ts'

/** Makes folders, links and empty files, sets owner and mode, removes. */
export default defineModule({
  name: 'file',
  summary: 'Make a folder, a link or an empty file, set owner and mode, or remove what is there.',
  description:
    'A removed file or folder comes back with `undo`, unless it was too big to be kept (32 MiB, 2,000 files): the plan says so. `touch` leaves the times of a file that is there alone, so that a second run finds nothing to do.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { type: 'string', pattern: '^/', description: 'What it is about.' },
      state: {
        type: 'string',
        enum: ['file', 'directory', 'link', 'touch', 'absent'],
        default: 'file',
        description:
          '`file`: it must be there. `directory`: it is made, with the folders above it. `link`: a symbolic link to `src`. `touch`: an empty file where there is none. `absent`: it is removed, a folder with all that is in it.',
      },
      src: { type: 'string', minLength: 1, description: 'What a link leads to; a relative path counts from the link.' },
      recurse: {
        type: 'boolean',
        default: false,
        description:
          'Set owner, group and mode of everything below a folder too; folders also get the right to be entered by whoever may read them.',
      },
      force: { type: 'boolean', default: false, description: 'Let a link replace a file.' },
      ...attributeParams,
    },
  },
  returns: { path: 'What it is about.', state: 'The state that was asked for.' },
  examples: [
    {
      name: 'A folder',
      params: { path: '/var/lib/nova/instances', state: 'directory', owner: 'nova', group: 'nova', mode: '0755' },
    },
    { name: 'A link', params: { path: '/etc/nova/current', state: 'link', src: 'nova-2026.conf' } },
    { name: 'Remove a folder', params: { path: '/var/lib/nova/instances/_base', state: 'absent' } },
    { name: 'Owner and mode of a file', params: { path: '/etc/nova/nova.conf', owner: 'root', group: 'nova', mode: '0640' } },
  ],

  mustMakeSense({ path, recurse, src, state }) {
    // After a link it leads elsewhere than it seems: folders would be made in the wrong place.
    if (state === 'directory' && path.split('/').includes('..'))
      throw new Failure('the `path` of a folder must go without `..`', { kind: 'input', why: path })
    if (recurse && state !== 'directory') throw new Failure('`recurse` is for `state: directory`', { kind: 'input' })
    if (src !== undefined && state !== 'link') throw new Failure('`src` is for `state: link`', { kind: 'input' })
  },

  async check(params, target) {
    return { result: { path: params.path, state: params.state }, ...(await planners[params.state](params, target)) }
  },

  async apply(params, { before }, target) {
    const { path, state, src = '' } = params
    if (state === 'absent') await mustRun(target, ['rm', '-rf', '--one-file-system', '--', path])
    else if (state === 'link') await placeLink(target, path, src)
    else if (before.created.length > 0) {
      await mustRun(target, ['mkdir', '--', ...before.created])
      await setAttributes(target, before.created, attributesFor(params, { kind: 'directory' }))
    } else await applyImages(params, before, target)
  },

  async undo(_params, { created, images, lost }, target) {
    if (lost !== undefined)
      throw new Failure('what was removed was not kept', { kind: 'refused', why: lost, todo: 'restore it from a backup' })
    for (const folder of created.toReversed()) {
      // An undo that was cut off may have removed it.
      if ((await target.stat(folder)) !== undefined) await mustRun(target, ['rmdir', '--', folder])
    }
    for (const [path, image] of Object.entries(images)) await restore(target, path, image)
  },

  async left(_params, { created, images }, target) {
    const paths = [...created.map((path) => [path, ABSENT] as const), ...Object.entries(images).slice(0, MOST_LOOKED_AT)]
    // Started together, so that they travel in one request.
    return Object.fromEntries(
      await Promise.all(paths.map(async ([path, image]) => [path, await lookIn(target, path, image)] as const)),
    )
  },

  saw(_params, { created, images, lost }) {
    const all = Object.entries(images)
    if (lost !== undefined || all.length > MOST_TOLD) return undefined
    return Object.fromEntries([
      ...created.map((path) => [path, { kind: 'absent' }]),
      ...all.map(([path, image]) => [path, imageInWords(image)]),
    ])
  },
})

const ABSENT = { kind: 'absent' } as const

/** Of a folder with all below it, `check` sees the owners and modes that matter. */
const MOST_LOOKED_AT = 100

type Params = Parameters<(typeof planners)['file']>[0]

/** A saved plan is for reading: it does not list every file of a big folder. */
const MOST_TOLD = 100

/** Paths a command takes at once: far below what any kernel allows. */
const BATCH = 500

/** An empty file where there was none; otherwise owner, group and mode of the paths that differ. */
async function applyImages(params: Params, { images }: FileState, host: HostAccess): Promise<void> {
  const entries = Object.entries(images)
  for (const [path] of entries.filter(([, image]) => image.kind === 'absent'))
    await host.write(path, new Uint8Array(), writeOptions(params))
  const byMode = new Map<string | undefined, string[]>()
  for (const [path, image] of entries) {
    if (image.kind !== 'attributes') continue
    const mode = attributesFor(params, { kind: image.of }).mode ?? (hasSpecialBits(image.mode) ? image.mode : undefined)
    byMode.set(mode, [...(byMode.get(mode) ?? []), path])
  }
  for (const [mode, paths] of byMode) {
    for (let at = 0; at < paths.length; at += BATCH)
      await setAttributes(host, paths.slice(at, at + BATCH), { owner: params.owner, group: params.group, mode })
  }
}

/** Set-user-ID, set-group-ID: a change of owner takes them away, unless the mode is set again. */
const hasSpecialBits = (mode: string): boolean => !mode.startsWith('0')
