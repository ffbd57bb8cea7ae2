import { posix } from 'node:path'
import { Failure } from '../runner/module.ts'
import { file, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'

/** Puts a file on a host, byte for byte. */
export default resourceModule({
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
      ...fileParams,
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

  validate({ src, content }) {
    if ((src === undefined) !== (content === undefined)) return
    throw new Failure(src === undefined ? 'there is nothing to copy' : '`src` and `content` exclude each other', {
      kind: 'input',
      todo: 'give `src` or `content`',
    })
  },

  resources: ({ dest, src, content, force, ...attributes }, host) => [
    file({
      ...attributes,
      host,
      path: dest,
      nameInFolder: src === undefined ? undefined : posix.basename(src),
      keep: !force,
      content: (target) => (src === undefined ? new TextEncoder().encode(content) : target.controllerFile(src)),
    }),
  ],
})
