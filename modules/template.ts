import { posix } from 'node:path'
import type { Target } from '../runner/module.ts'
import { file, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'

export default resourceModule({
  name: 'template',
  summary: 'Render a template of the controller into a file on the host.',
  description:
    'The template is UTF-8 text with `{{ … }}` as in a playbook (see the page on templates). The file is replaced atomically, as by `copy`.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['src', 'dest'],
    properties: {
      src: {
        type: 'string',
        minLength: 1,
        format: 'template-file',
        description: 'Template on the controller. A relative path is searched beside the playbook, then in its `templates/`.',
      },
      dest: {
        type: 'string',
        pattern: '^/',
        description: 'Path of the file on the host. A path that ends in `/` gets the name of `src` appended, without `.hbs`.',
      },
      ...fileParams,
    },
  },
  returns: { path: 'Path of the file.' },
  examples: [
    {
      name: 'The configuration of a compute host',
      params: { src: 'nova-compute.conf.hbs', dest: '/etc/nova/', owner: 'root', group: 'nova', mode: '0640' },
    },
  ],

  resources: ({ src, dest, ...attributes }, host) => [
    file({
      ...attributes,
      host,
      path: dest.endsWith('/') ? posix.join(dest, posix.basename(src).replace(/\.hbs$/, '')) : dest,
      content: (target) => rendered(src, target),
    }),
  ],
})

async function rendered(src: string, target: Target): Promise<Uint8Array> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await target.controllerFile(src))
  return new TextEncoder().encode(target.render(text, src))
}
