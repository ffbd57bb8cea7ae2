import { posix } from 'node:path'
import type { Target } from '../runner/module.ts'
import { file, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'

/** Puts a file on a host that is made from a template with the task's variables. */
export default resourceModule({
  name: 'template',
  summary: 'Put a file on the host that is made from a template of the controller.',
  description:
    'The template is UTF-8 text in which `{{ … }}` stands for variables, as in a playbook (see the page on templates). The file is replaced in one step, as by `copy`.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['src', 'dest'],
    properties: {
      src: {
        type: 'string',
        minLength: 1,
        format: 'template-file',
        description: 'Template; a relative path is looked for beside the playbook, then in its `templates/`.',
      },
      dest: {
        type: 'string',
        pattern: '^/',
        description: 'Where the file should be. A path that ends in `/` takes the name of `src`, without `.hbs`.',
      },
      ...fileParams,
    },
  },
  returns: { path: 'Where the file is.' },
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
