import { stringify } from 'yaml'
import type { AnyModule } from '../module.ts'
import type { ObjectSchema, Schema } from '../base/schema.ts'

/** Renders the page of a module in Markdown, from the module object alone. */
export function modulePage(module: AnyModule): string {
  const parts = [
    `# ${module.name}`,
    module.summary,
    ...(module.description === undefined ? [] : [module.description.trim()]),
    traits(module).join('\n'),
    '## Parameters',
    parameterTable(module.params),
    ...(module.returns === undefined ? [] : ['## Result (`register`)', resultTable(module.returns)]),
    '## Examples',
    ...module.examples.map(example(module.name)),
  ]
  return `${parts.join('\n\n')}\n`
}

function traits(module: AnyModule): string[] {
  return [
    module.apply === undefined
      ? '- Only reads: it runs in `plan` too.'
      : module.undo === undefined
        ? '- Cannot be undone: the plan says so.'
        : '- Can be undone.',
    ...(module.scope === 'api' ? ['- Works through an API: it needs no connection to the host it runs for.'] : []),
    ...(module.facts === undefined || module.facts.length === 0 ? [] : [`- Facts used: ${module.facts.join(', ')}.`]),
  ]
}

function parameterTable(params: ObjectSchema): string {
  const rows = Object.entries(params.properties).map(([name, schema]) => {
    const required = params.required?.includes(name) === true
    const fallback =
      'default' in schema && schema.default !== undefined ? `\`${JSON.stringify(schema.default)}\`` : required ? 'required' : ''
    return `| \`${name}\` | ${typeText(schema)} | ${fallback} | ${(schema.description ?? '').replaceAll('|', '\\|')} |`
  })
  return ['| name | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

export function typeText(schema: Schema): string {
  if (schema.type === undefined)
    return 'enum' in schema && schema.enum !== undefined ? schema.enum.map((value) => `\`${String(value)}\``).join(', ') : 'any'
  if (schema.type === 'string')
    return schema.format === 'expression' ? 'expression' : (schema.enum?.map((value) => `\`${value}\``).join(', ') ?? 'string')
  if (schema.type === 'array') return `list of ${typeText(schema.items)}`
  if (schema.type === 'object') return 'mapping'
  return schema.type
}

const resultTable = (returns: Readonly<Record<string, string>>): string =>
  [
    '| key | meaning |',
    '|---|---|',
    ...Object.entries(returns).map(([key, text]) => `| \`${key}\` | ${text.replaceAll('|', '\\|')} |`),
  ].join('\n')

const example =
  (module: string) =>
  ({ name, params }: AnyModule['examples'][number]): string =>
    `\`\`\`yaml\n${stringify([{ name, [module]: params }], { lineWidth: 0 })}\`\`\``
