import { posix } from 'node:path'
import { defineModule, type Target } from '../runner/module.ts'
import { attributeParams } from './lib/files/attributes.ts'
import {
  applyContent,
  lookAgainst,
  planContent,
  leftContent,
  sawContent,
  undoContent,
  validateParam,
} from './lib/files/content.ts'
import { fileAt } from './lib/files/paths.ts'

interface Params {
  readonly src: string
  readonly dest: string
}

/** Puts a file on a host that is made from a template with the task's variables. */
export default defineModule({
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
        description: 'Template; a relative path is looked for beside the playbook, then in its `templates/`.',
      },
      dest: {
        type: 'string',
        pattern: '^/',
        description: 'Where the file should be. A path that ends in `/` takes the name of `src`, without `.hbs`.',
      },
      ...attributeParams,
      validate: validateParam,
    },
  },
  returns: { path: 'Where the file is.' },
  examples: [
    {
      name: 'The configuration of a compute host',
      params: { src: 'nova-compute.conf.hbs', dest: '/etc/nova/', owner: 'root', group: 'nova', mode: '0640' },
    },
  ],

  async check(params, target) {
    const path = destination(params)
    const content = await rendered(params, target)
    return planContent(fileAt(target.host, path), await lookAgainst(target, path, content), content, params)
  },

  async apply(params, { before }, target) {
    await applyContent(target, before, params, () => rendered(params, target))
  },

  undo: async (_params, before, target) => undoContent(target, before),
  left: leftContent,
  saw: sawContent,
})

const destination = ({ src, dest }: Params): string =>
  dest.endsWith('/') ? posix.join(dest, posix.basename(src).replace(/\.hbs$/, '')) : dest

async function rendered({ src }: Params, target: Target): Promise<Uint8Array> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await target.controllerFile(src))
  return new TextEncoder().encode(target.render(text, src))
}
