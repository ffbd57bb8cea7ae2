/** The JSON Schema of playbooks, made from the keywords and the modules. Called by the command schema. */

import { keywords, type Kind } from '../language/playbook/keywords.ts'
import type { AnyModule } from '../module.ts'

type Json = Readonly<Record<string, unknown>>

/** A value that may also be a template; the runner checks the rendered value. */
const orTemplate = (schema: Json): Json => ({ anyOf: [schema, { type: 'string', pattern: '\\{\\{' }] })
const text = { type: 'string' }
const list = (items: Json): Json => ({ type: 'array', items })
const oneOrMore = (items: Json): Json => ({ anyOf: [items, list(items)] })
const ref = (name: string): Json => ({ $ref: `#/$defs/${name}` })
const condition = { anyOf: [text, { type: 'boolean' }, list({ anyOf: [text, { type: 'boolean' }] })] }
const number = orTemplate({ type: 'number' })
const mapping = { type: 'object' }

/** The schema of each keyword's value. Names and summaries of the keywords come from the language. */
const FORMS: Readonly<Record<string, Json>> = {
  params: { type: 'object', additionalProperties: mapping },
  plays: list(ref('play')),
  vars: mapping,
  vars_files: oneOrMore(text),
  hosts: oneOrMore(text),
  tasks: list(ref('item')),
  handlers: list(ref('handler')),
  port: number,
  serial: oneOrMore({ type: ['integer', 'string'] }),
  max_fail_percentage: { type: 'number' },
  order: { enum: ['inventory', 'reverse_inventory', 'sorted', 'reverse_sorted', 'shuffle'] },
  any_errors_fatal: { type: 'boolean' },
  throttle: { type: 'integer', minimum: 1 },
  become: orTemplate({ type: 'boolean' }),
  environment: mapping,
  tags: oneOrMore(text),
  when: condition,
  block: list(ref('item')),
  rescue: list(ref('item')),
  always: list(ref('item')),
  meta: { enum: ['flush_handlers', 'end_play', 'end_host'] },
  run_once: { type: 'boolean' },
  ignore_errors: { type: 'boolean' },
  no_log: { type: 'boolean' },
  loop: orTemplate({ type: 'array' }),
  loop_control: ref('loop_control'),
  notify: oneOrMore(text),
  listen: oneOrMore(text),
  until: condition,
  failed_when: condition,
  changed_when: condition,
  retries: number,
  delay: number,
  timeout: number,
  pause: { type: 'number' },
  parallel: orTemplate({ type: 'integer', minimum: 1 }),
  limits: { type: 'object', additionalProperties: orTemplate({ type: 'integer', minimum: 1 }) },
  max_failures: orTemplate({
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: '^\\d{1,3}\\s*%$' },
    ],
  }),
  canary: orTemplate({ type: 'integer', minimum: 0 }),
  deadline: { type: ['string', 'integer'] },
}

const keywordProperties = (kind: Kind): Json =>
  Object.fromEntries(
    Object.entries(keywords)
      .filter(([, { on }]) => on.includes(kind))
      .map(([name, { summary }]) => [name, { description: summary, ...(FORMS[name] ?? text) }]),
  )

const closed = (kind: Kind, more: Json = {}, required: readonly string[] = []): Json => ({
  type: 'object',
  additionalProperties: false,
  ...(required.length === 0 ? {} : { required }),
  properties: { ...keywordProperties(kind), ...more },
})

/** A module's parameters for an editor: each may be a template; `secret` and `format: expression` are left out, as only the runner knows them. */
function moduleSchema(module: AnyModule): Json {
  const properties = Object.entries(module.params.properties).map(([name, schema]) => {
    const { description, default: fallback } = schema as { description?: string; default?: unknown }
    const plain = JSON.parse(
      JSON.stringify(schema, (key, value) =>
        key === 'secret' || (key === 'format' && value === 'expression') ? undefined : value,
      ),
    ) as Json
    const isText = 'type' in schema && schema.type === 'string' && schema.enum === undefined
    return [
      name,
      {
        description,
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(isText || Object.keys(plain).length <= 1 ? plain : orTemplate(plain)),
      },
    ]
  })
  return {
    description: module.summary,
    type: 'object',
    additionalProperties: false,
    ...(module.params.required === undefined ? {} : { required: module.params.required }),
    properties: Object.fromEntries(properties),
  }
}

/** The JSON Schema of playbooks, for editors: `# yaml-language-server: $schema=runbook.schema.json`. */
export function editorSchema(modules: readonly AnyModule[]): Json {
  const moduleKeys = Object.fromEntries(modules.map((module) => [module.name, ref(`modules/${module.name}`)]))
  const oneModule = { oneOf: modules.map(({ name }) => ({ required: [name] })) }
  const task = (kind: Kind): Json => ({ ...closed(kind, moduleKeys), ...oneModule })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'runbook playbook',
    ...closed('playbook', {}, ['plays']),
    $defs: {
      play: closed('play', {}, ['hosts']),
      item: { anyOf: [ref('task'), ref('block'), ref('import'), ref('meta')] },
      task: task('task'),
      handler: task('handler'),
      block: closed('block', {}, ['block']),
      import: closed('import', {}, ['import_tasks']),
      meta: closed('meta', {}, ['meta']),
      loop_control: closed('loop_control'),
      modules: Object.fromEntries(modules.map((module) => [module.name, moduleSchema(module)])),
    },
  }
}
