import { Failure } from '../runner/module.ts'
import { attributeParams } from './lib/files/attributes.ts'
import { attributed, folder, link, removed } from './lib/resources/entry.ts'
import { resourceModule } from './lib/resources/resource.ts'

export default resourceModule({
  name: 'file',
  summary: 'Create a folder, link or empty file, set owner and mode, or remove a path.',
  description:
    '`undo` restores a removed file or folder, unless it was too big to keep (32 MiB, 2,000 files); the plan says so beforehand. `touch` does not change the times of an existing file, so a second run changes nothing.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { type: 'string', pattern: '^/', description: 'Path of the file, folder or link.' },
      state: {
        type: 'string',
        enum: ['file', 'directory', 'link', 'touch', 'absent'],
        default: 'file',
        description:
          '`file`: the path must exist. `directory`: create the folder and its parents. `link`: create a symbolic link to `src`. `touch`: create an empty file if the path is missing. `absent`: remove the path; a folder goes with its content.',
      },
      src: { type: 'string', minLength: 1, description: 'Target of the link. A relative path starts at the folder of the link.' },
      recurse: {
        type: 'boolean',
        default: false,
        description:
          'Also set owner, group and mode of everything in the folder. Folders get the execute bit for everyone who may read them.',
      },
      force: { type: 'boolean', default: false, description: 'Let a link replace an existing file.' },
      ...attributeParams,
    },
  },
  returns: { path: 'The path.', state: 'The requested state.' },
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
    // Behind a symbolic link, `..` leads elsewhere: folders would be made in the wrong place.
    if (state === 'directory' && path.split('/').includes('..'))
      throw new Failure('the `path` of a folder must not contain `..`', { kind: 'input', why: path })
    if (recurse && state !== 'directory') throw new Failure('`recurse` needs `state: directory`', { kind: 'input' })
    if (src !== undefined && state !== 'link') throw new Failure('`src` needs `state: link`', { kind: 'input' })
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
