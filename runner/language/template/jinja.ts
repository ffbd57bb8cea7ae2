/**
 * Recognises Jinja and Python habits in templates and conditions, and writes them in this language. Called by
 * template-syntax.ts, template-text.ts and the expressions.
 */

interface Hint {
  readonly summary: string
  readonly label?: string | undefined
  readonly notes?: readonly string[] | undefined
  /** The text can hardly have another meaning. */
  readonly sure: boolean
}

/** Filters with a helper of the same meaning. */
const filters: Readonly<Record<string, string>> = {
  default: 'default',
  d: 'default',
  to_json: 'json',
  tojson: 'json',
  to_nice_json: 'json',
  join: 'join',
  lower: 'lower',
  upper: 'upper',
  length: 'length',
  count: 'length',
  first: 'first',
  indent: 'indent',
}

const path = /^[\w.@/-]+$/

/** Explains why the inside of a `{{ … }}` is not Handlebars. */
export const mustacheHint = (inner: string): Hint => {
  const text = inner.trim()
  // The patterns below fit hand-written text.
  if (text.length > 300) return { summary: 'this is not Handlebars', sure: false }
  const filter = /^(.*?)\s*\|\s*(\w+)\s*(?:\((.*)\))?\s*$/s.exec(text)
  if (filter !== null) return filterHint(filter[1]!.trim(), filter[2]!, filter[3]?.trim())
  const choice = /^(.+?)\s+if\s+(.+?)\s+else\s+(.+)$/s.exec(text)
  if (choice !== null) {
    const [, yes = '', condition = '', no = ''] = choice
    return {
      summary: 'a choice is a block in Handlebars',
      ...(path.test(condition) ? { label: `write \`{{#if ${condition}}}${asText(yes)}{{else}}${asText(no)}{{/if}}\`` } : {}),
      sure: true,
    }
  }
  const indexed = dotted(text)
  if (indexed !== undefined)
    return { summary: 'keys and indexes follow a dot in Handlebars', label: `write \`{{ ${indexed} }}\``, sure: true }
  const dynamic = /^([\w.]+)\[([\w.]+)\](?:\.([\w.]+))?$/.exec(text)
  if (dynamic !== null) {
    const [, value = '', key = '', more] = dynamic
    const keys = [key, ...(more?.split('.').map((part) => `"${part}"`) ?? [])].join(' ')
    return {
      summary: 'a key that is itself a variable is looked up',
      label: `write \`{{ lookup ${value} ${keys} }}\``,
      sure: true,
    }
  }
  const joined = text.split(/\s*[~+]\s*/)
  if (joined.length > 1 && joined.every((part) => /^(?:[a-z_][\w.]*|"[^"]*"|'[^']*')$/i.test(part)))
    return {
      summary: 'templates do not compute',
      label: `text is joined side by side: \`${joined.map(asText).join('')}\``,
      sure: true,
    }
  if (/\w\s*\(/.test(text))
    return {
      summary: 'templates have no functions',
      notes: ['a helper is called with spaces: {{ join list "," }}'],
      sure: true,
    }
  if (/(?:[=!<>]=|[<>*/%+]|\s-\s)|^\s*not\s|\s(?:and|or|is|in)\s/.test(text))
    return {
      summary: 'templates do not compute or compare',
      notes: ['conditions are written in `when`, `until`, `failed_when` and `changed_when`'],
      sure: true,
    }
  if (text === '') return { summary: 'a name is missing between the braces', sure: true }
  return {
    summary: 'this is not Handlebars',
    notes: ['a variable is {{ name }} or {{ name.key }}, a helper {{ join list "," }}'],
    sure: false,
  }
}

const filterHint = (value: string, filter: string, args: string | undefined): Hint => {
  const helper = filters[filter]
  const target = dotted(value) ?? value
  if (helper === undefined || !path.test(target)) {
    return {
      summary: 'Handlebars has no filters',
      notes: [
        ...(helper === undefined
          ? ['a helper comes first: {{ join list "," }}']
          : [`a helper comes first: {{ ${helper} VALUE${args === undefined ? '' : ` ${argument(args)}`} }}`]),
        ...(['int', 'float', 'bool', 'string'].includes(filter) ? ['a value that is exactly one {{ … }} keeps its type'] : []),
      ],
      sure: true,
    }
  }
  const rest =
    args === undefined || args === '' ? (helper === 'default' ? ' ""' : helper === 'join' ? ' ""' : '') : ` ${argument(args)}`
  return { summary: 'Handlebars has no filters', label: `write \`{{ ${helper} ${target}${rest} }}\``, sure: true }
}

const argument = (args: string): string =>
  (args.match(/"[^"]*"|'[^']*'|[^,\s][^,]*/g) ?? [])
    .map((one) => one.trim().replace(/^'(.*)'$/, '"$1"'))
    .filter((one) => !/^(?:true|boolean=.*)$/i.test(one))
    .join(' ')

const asText = (expression: string): string => {
  const quoted = /^(["'])(.*)\1$/.exec(expression.trim())
  return quoted === null ? `{{ ${expression.trim()} }}` : quoted[2]!
}

/** Rewrites `a[0].b["c d"]` as `a.0.b.[c d]`; undefined if no literal index is in the text. */
const dotted = (text: string): string | undefined => {
  if (!/^[\w.-]+(?:\[(?:\d+|"[^"]*"|'[^']*')\][\w.-]*)+$/.test(text)) return undefined
  return text.replace(/\[(?:(\d+)|"([^"]*)"|'([^']*)')\]/g, (_, index?: string, double?: string, single?: string) => {
    const key = index ?? double ?? single ?? ''
    return /^[\w-]+$/.test(key) ? `.${key}` : `.[${key}]`
  })
}

const operand = String.raw`(?:\w+(?:\.\w+|\[[^\]]*\])*)`

/** In order of application; quoted text is removed before. */
const rewrites: readonly (readonly [RegExp, string])[] = [
  [/\bTrue\b/g, 'true'],
  [/\bFalse\b/g, 'false'],
  [/\bNone\b/g, 'null'],
  [new RegExp(`(${operand})\\s*\\|\\s*(?:length|count)\\b(?:\\(\\))?`, 'g'), 'size($1)'],
  [new RegExp(`(${operand})\\s*\\|\\s*(?:default|d)\\s*\\(([^(),]*)(?:,[^()]*)?\\)`, 'g'), 'default($1, $2)'],
  [new RegExp(`(${operand})\\s*\\|\\s*int\\b`, 'g'), 'int($1)'],
  [new RegExp(`(${operand})\\s*\\|\\s*lower\\b`, 'g'), '$1.lowerAscii()'],
  [new RegExp(`(${operand})\\s*\\|\\s*bool\\b`, 'g'), '$1'],
  [new RegExp(`\\blen\\((${operand})\\)`, 'g'), 'size($1)'],
  [new RegExp(`\\bnot\\s+(${operand})\\s+is\\s+defined\\b`, 'g'), '!defined($1)'],
  [new RegExp(`(${operand})\\s+is\\s+(?:not\\s+defined|undefined)\\b`, 'g'), '!defined($1)'],
  [new RegExp(`(${operand})\\s+is\\s+defined\\b`, 'g'), 'defined($1)'],
  [new RegExp(`(${operand})\\s+is\\s+not\\s+(?:none|null)\\b`, 'g'), '$1 != null'],
  [new RegExp(`(${operand})\\s+is\\s+(?:none|null)\\b`, 'g'), '$1 == null'],
  [new RegExp(`(${operand})\\s+is\\s+not\\s+(failed|changed|skipped)\\b`, 'g'), '!$1.$2'],
  [new RegExp(`(${operand})\\s+is\\s+(failed|changed|skipped)\\b`, 'g'), '$1.$2'],
  [new RegExp(`(${operand})\\s+is\\s+(?:succeeded|success)\\b`, 'g'), '!$1.failed'],
  [new RegExp(`(${operand})\\s+not\\s+in\\s+(${operand}|\\[[^\\]]*\\])`, 'g'), '!($1 in $2)'],
  [/^(.+?)\s+if\s+(.+?)\s+else\s+(.+)$/g, '$2 ? $1 : $3'],
  [/\bnot\s+\(/g, '!('],
  [new RegExp(`\\bnot\\s+(${operand})`, 'g'), '!$1'],
  [/\band\b/g, '&&'],
  [/\bor\b/g, '||'],
  [/(?<![=!<>])=(?![=~])/g, '=='],
  [/(?<!&)&(?!&)/g, '&&'],
  [/===/g, '=='],
]

/** Translates a condition of Jinja or Python into the expression language; undefined if the result does not parse. */
export const expressionHint = (text: string, parses: (text: string) => boolean): string | undefined => {
  if (text.length > 500) return undefined
  const quoted: string[] = []
  let rewritten = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, (part) => `q${quoted.push(part)}q`)
  for (const [pattern, replacement] of rewrites) rewritten = rewritten.replace(pattern, replacement)
  const restored = rewritten.replace(/q(\d+)q/g, (_, number: string) => quoted[Number(number) - 1]!).trim()
  return restored !== text.trim() && parses(restored) ? restored : undefined
}
