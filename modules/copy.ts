import { posix } from 'node:path'
import { defineModule, Failure, type Target } from '../runner/module.ts'
import { attributeParams } from './lib/files/attributes.ts'
import {
  applyContent,
  lookAgainst,
  planContent,
  leftContent,
  sawContent,
  undoContent,
  validateParam,
  type Current,
} from './lib/files/content.ts'
import { fileAt } from './lib/files/paths.ts'

interface Params {
  readonly dest: string
  readonly src?: string | undefined
  readonly content?: string | undefined
  readonly force: boolean
}

/** Puts a file on a host, byte for byte. */
export default defineModule({
  name: 'copy',
  summary: 'Put a file on the host: one of the controller, or a text given here.',
  description:
    'The file is replaced in one step: a reader sees the old content or the new, never a half. What is not given of owner, group and mode stays as it is; a new file gets mode 0644.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['dest'],
    properties: {
      dest: {
        type: 'string',
        pattern: '^/',
        description: 'Where it should be. With `src`, a folder (or a path that ends in `/`) takes the name of `src`.',
      },
      src: {
        type: 'string',
        minLength: 1,
        description: 'File of the controller; a relative path is looked for beside the playbook, then in its `files/`.',
      },
      content: { type: 'string', description: 'Text of the file, instead of `src`.' },
      force: {
        type: 'boolean',
        default: true,
        description: 'Replace a file that is there with other content. `false`: only make one that is missing.',
      },
      ...attributeParams,
      validate: validateParam,
    },
  },
  returns: { path: 'Where the file is.' },
  examples: [
    {
      name: 'A text given here',
      params: { content: '{{ my_ip }} {{ inventory_hostname }}\n', dest: '/etc/hosts.d/self', mode: '0644' },
    },
    {
      name: 'A file of the controller',
      params: { src: 'nova-compute.conf', dest: '/etc/nova/', owner: 'root', group: 'nova', mode: '0640' },
    },
    {
      name: 'Checked before it counts',
      params: { src: 'sudoers-nova', dest: '/etc/sudoers.d/nova', mode: '0440', validate: '/usr/sbin/visudo -cf %s' },
    },
  ],

  mustMakeSense({ src, content }) {
    if ((src === undefined) !== (content === undefined)) return
    throw new Failure(src === undefined ? 'there is nothing to copy' : '`src` and `content` exclude each other', {
      kind: 'input',
      todo: 'give `src` or `content`',
    })
  },

  async check(params, target) {
    const content = await contentOf(params, target)
    const [path, current] = await look(params, content, target)
    const kept = !params.force && current.bytes !== undefined ? current.bytes : content
    return planContent(fileAt(target.host, path), current, kept, params)
  },

  async apply(params, { before }, target) {
    await applyContent(target, before, params, () => contentOf(params, target))
  },

  undo: async (_params, before, target) => undoContent(target, before),
  left: leftContent,
  saw: sawContent,
})

async function contentOf({ src, content }: Params, target: Target): Promise<Uint8Array> {
  return src === undefined ? new TextEncoder().encode(content) : target.controllerFile(src)
}

/** What is at the destination, which in a folder takes the name of `src`. */
async function look({ dest, src }: Params, content: Uint8Array, target: Target): Promise<readonly [string, Current]> {
  const named = src === undefined ? dest : posix.join(dest, posix.basename(src))
  const first = dest.endsWith('/') ? named : dest
  const current = await lookAgainst(target, first, content)
  return current.stat?.kind === 'directory' && first !== named
    ? [named, await lookAgainst(target, named, content)]
    : [first, current]
}
