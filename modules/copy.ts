import { posix } from 'node:path'
import { Failure } from '../runner/module.ts'
import { file, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'

export default resourceModule({
  name: 'copy',
  summary: 'Copy a file or a given text to the host.',
  description:
    'The file is replaced atomically: readers see the old content or the new. Owner, group and mode stay unchanged unless given; a new file gets mode 0644.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['dest'],
    properties: {
      dest: {
        type: 'string',
        pattern: '^/',
        description:
          'Path of the file on the host. With `src`, a folder or a path that ends in `/` gets the name of `src` appended.',
      },
      src: {
        type: 'string',
        minLength: 1,
        description: 'File on the controller. A relative path is searched beside the playbook, then in its `files/`.',
      },
      content: { type: 'string', description: 'Content of the file, instead of `src`.' },
      force: {
        type: 'boolean',
        default: true,
        description: 'Replace an existing file that has other content. `false`: only create a missing file.',
      },
      ...fileParams,
    },
  },
  returns: { path: 'Path of the file.' },
  examples: [
    {
      name: 'A text',
      params: { content: '{{ my_ip }} {{ inventory_hostname }}\n', dest: '/etc/hosts.d/self', mode: '0644' },
    },
    {
      name: 'A file on the controller',
      params: { src: 'nova-compute.conf', dest: '/etc/nova/', owner: 'root', group: 'nova', mode: '0640' },
    },
    {
      name: 'Validate the file before it is replaced',
      params: { src: 'sudoers-nova', dest: '/etc/sudoers.d/nova', mode: '0440', validate: '/usr/sbin/visudo -cf %s' },
    },
  ],

  validate({ src, content }) {
    if ((src === undefined) !== (content === undefined)) return
    throw new Failure(src === undefined ? '`src` and `content` are both missing' : '`src` and `content` exclude each other', {
      kind: 'input',
      help: 'give `src` or `content`',
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
