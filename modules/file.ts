import { Failure } from '../runner/module.ts'
import { attributeParams } from './lib/files/attributes.ts'
import { attributed, folder, link, removed } from './lib/resources/entry.ts'
import { resourceModule } from './lib/resources/resource.ts'

/** Makes folders, links and empty files, sets owner and mode, removes. */
export default resourceModule({
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

  validate({ path, recurse, src, state }) {
    // After a link it leads elsewhere than it seems: folders would be made in the wrong place.
    if (state === 'directory' && path.split('/').includes('..'))
      throw new Failure('the `path` of a folder must go without `..`', { kind: 'input', why: path })
    if (recurse && state !== 'directory') throw new Failure('`recurse` is for `state: directory`', { kind: 'input' })
    if (src !== undefined && state !== 'link') throw new Failure('`src` is for `state: link`', { kind: 'input' })
  },

  resources({ state, src, recurse, force, ...at }, host) {
    const wish = { ...at, host }
    switch (state) {
      case 'absent':
        return [removed(wish)]
      case 'directory':
        return [folder({ ...wish, recurse })]
      case 'link':
        return [link({ ...wish, src, force })]
      default:
        return [attributed({ ...wish, touch: state === 'touch' })]
    }
  },
  result: ({ path, state }) => ({ path, state }),
})
