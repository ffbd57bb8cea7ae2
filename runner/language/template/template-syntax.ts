/** Parses and checks a Handlebars text, and lists the variables it uses. Called by template.ts. */
import { count } from '../../base/format.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { type Helper, blockHelpers, helpers } from './helpers.ts'
import { mustacheHint } from './jinja.ts'
import { didYouMean, nearest } from '../../base/suggest.ts'
import {
  type Prepared,
  type Problem,
  maxNesting,
  nesting,
  parseHandlebars,
  prepare,
  span,
  syntaxProblems,
  writtenOf,
} from './template-text.ts'

export { type Prepared, type Problem, span } from './template-text.ts'

export type Program = hbs.AST.Program
export type Expression = hbs.AST.Expression
export type Path = hbs.AST.PathExpression
export type Mustache = hbs.AST.MustacheStatement
export type Block = hbs.AST.BlockStatement

/** A variable used by a template or an expression, and the keys that follow it. */
export interface Reference {
  readonly name: string
  readonly path: readonly string[]
  /** The offset of the reference in the text. */
  readonly start: number
  readonly length: number
  /** The variable may be missing: `default`, `defined`. */
  readonly optional: boolean
}

export interface Template extends Prepared {
  readonly body: readonly hbs.AST.Statement[]
  readonly references: readonly Reference[]
  readonly problems: readonly Problem[]
}

const cache = new Map<string, Template>()
const cacheLimit = 10_000

/** Parses and checks a template. The result depends on the text alone and is cached. */
export const parseTemplate = (text: string): Template => {
  // An object (a ready syntax tree) must never reach the parser: CVE-2026-33937, CVE-2026-106446.
  if (typeof text !== 'string') throw new TypeError('a template is text')
  const known = cache.get(text)
  if (known !== undefined) return known
  if (cache.size >= cacheLimit) cache.clear()
  const template = parse(text)
  cache.set(text, template)
  return template
}

const parse = (text: string): Template => {
  const jinja = /\{%-?\s*(?:if|for|set|else|elif|endif|endfor|raw|endraw|macro|include|block)\b[^%]*%\}/.exec(text)
  if (jinja !== null) {
    const notes = ['Handlebars: {{#if x}} … {{else}} … {{/if}}, {{#each list}} … {{this}} … {{/each}}']
    return broken({
      start: jinja.index,
      length: jinja[0].length,
      summary: '`{% … %}` belongs to Jinja, templates here are Handlebars',
      notes,
    })
  }
  if (nesting(text) > maxNesting) return broken({ start: 0, length: text.length, summary: 'the template is nested too deeply' })
  const prepared = prepare(text)
  let program: Program
  try {
    program = parseHandlebars(prepared)
  } catch {
    return broken(...syntaxProblems(text))
  }
  const references: Reference[] = []
  const problems: Problem[] = []
  check(program, { ...prepared, references, problems, roots: [true], inEach: false, blockParams: [] })
  return { ...prepared, body: program.body, references, problems }
}

const broken = (...problems: readonly Problem[]): Template => ({ text: '', added: [], body: [], references: [], problems })

interface Checking extends Prepared {
  readonly references: Reference[]
  readonly problems: Problem[]
  /** For each `../` level, innermost first: true if the context is the variables themselves. */
  readonly roots: readonly boolean[]
  readonly inEach: boolean
  readonly blockParams: readonly string[]
}

const check = (program: Program, c: Checking): void => {
  for (const statement of program.body) {
    switch (statement.type) {
      case 'ContentStatement':
      case 'CommentStatement':
        break
      case 'MustacheStatement':
        checkMustache(statement as Mustache, c)
        break
      case 'BlockStatement':
        checkBlock(statement as Block, c)
        break
      default:
        c.problems.push({
          ...span(statement, c),
          summary: 'partials and decorators cannot be used',
          notes: [`blocks: ${blockHelpers.join(', ')}`],
        })
    }
  }
}

const checkMustache = (statement: Mustache, c: Checking): void => {
  const at = span(statement, c)
  const written = writtenOf(statement, c)
  if (/^\{\{~?[{&]/.test(written)) {
    c.problems.push({ ...at, summary: 'write two braces', notes: ['nothing is escaped: `{{ x }}` is the text as it is'] })
    return
  }
  if (statement.params.length === 0 && statement.hash === undefined) {
    if (statement.path.type !== 'PathExpression')
      c.problems.push({ ...at, summary: 'a literal needs no braces', label: 'write it as it is' })
    else checkPath(statement.path as Path, c, false)
    return
  }
  checkCall(statement, at, c)
}

const checkCall = (call: Mustache | hbs.AST.SubExpression, at: { start: number; length: number }, c: Checking): void => {
  const name = call.path.type === 'PathExpression' ? (call.path as Path).original : ''
  const helper = helpers.get(name)
  if (helper === undefined) {
    c.problems.push({ ...at, ...unknownHelper(name, writtenOf(call, c)) })
    return
  }
  if (call.hash !== undefined)
    c.problems.push({
      ...span(call.hash, c),
      summary: `\`${name}\` takes no named arguments`,
      label: `{{ ${helper.usage} }}`,
    })
  else if (call.params.length < helper.min || call.params.length > helper.max)
    c.problems.push({
      ...at,
      summary: `\`${name}\` has ${count(call.params.length, 'argument')}`,
      label: `{{ ${helper.usage} }}`,
    })
  call.params.forEach((param, index) => checkExpression(param, c, isLenient(helper, index)))
}

const isLenient = (helper: Helper, index: number) => helper.lenient === true && index === 0

const unknownHelper = (name: string, written: string): Omit<Problem, 'start' | 'length'> => {
  const hint = mustacheHint(written.replace(/^[{(~]+|[})~]+$/g, ''))
  if (hint.summary !== undefined && hint.sure) return hint
  return {
    summary: name === '' ? 'a literal cannot be called' : `unknown helper \`${name}\``,
    label: didYouMean(name, helpers.keys()),
    notes: [`helpers: ${[...helpers.keys()].join(', ')}`],
  }
}

const checkExpression = (expression: Expression, c: Checking, optional: boolean): void => {
  if (expression.type === 'PathExpression') checkPath(expression as Path, c, optional)
  else if (expression.type === 'SubExpression') checkCall(expression as hbs.AST.SubExpression, span(expression, c), c)
}

const dataNames = ['index', 'key', 'first', 'last', 'root']

const checkPath = (path: Path, c: Checking, optional: boolean): void => {
  const at = span(path, c)
  const [first, ...rest] = path.parts
  if (path.data) {
    if (!dataNames.includes(first ?? '') || path.depth > 0)
      c.problems.push({
        ...at,
        summary: `unknown \`${path.original}\``,
        notes: ['inside {{#each}}: @index, @key, @first, @last; everywhere: @root'],
      })
    else if (first === 'root') refer(rest, at, c, optional)
    else if (!c.inEach) c.problems.push({ ...at, summary: `\`${path.original}\` has a meaning only inside {{#each}}` })
    return
  }
  if (path.depth === 0 && first !== undefined && c.blockParams.includes(first) && !isScoped(path)) return
  if (path.depth >= c.roots.length) {
    c.problems.push({ ...at, summary: `\`${path.original}\` goes up further than there are blocks` })
    return
  }
  if (!c.roots[path.depth]) return
  if (first === undefined)
    c.problems.push({ ...at, summary: `\`${path.original}\` has a meaning only inside {{#each}} or {{#with}}` })
  else refer(path.parts, at, c, optional)
}

const refer = (parts: readonly string[], at: { start: number; length: number }, c: Checking, optional: boolean): void => {
  const [name, ...path] = parts
  if (name === undefined) c.problems.push({ ...at, summary: 'a name is missing after `@root`' })
  else c.references.push({ name, path, optional, ...at })
}

/** `this.x`, `./x`: a key of the context, even if a block parameter has the same name. */
export const isScoped = (path: Path): boolean => /^(?:\.\/|this\b[./]?|\.$)/.test(path.original)

const checkBlock = (block: Block, c: Checking): void => {
  const name = block.path.original
  const at = span(block.path, c)
  if (!(blockHelpers as readonly string[]).includes(name)) {
    const meant = nearest(name, blockHelpers)
    c.problems.push({
      ...at,
      summary: `unknown block \`${name}\``,
      ...(meant === undefined ? {} : { label: `did you mean \`#${meant}\`?` }),
      notes: [`blocks: ${blockHelpers.map((one) => `{{#${one} x}}`).join(', ')}`],
    })
    return
  }
  if (block.params.length !== 1 || block.hash !== undefined)
    c.problems.push({ ...at, summary: `\`#${name}\` takes one argument`, label: `{{#${name} x}}` })
  for (const param of block.params) checkExpression(param, c, false)
  const changes = changesContext(block)
  const inner: Checking = {
    ...c,
    roots: changes ? [false, ...c.roots] : c.roots,
    inEach: c.inEach || name === 'each',
    blockParams: [...c.blockParams, ...(block.program?.blockParams ?? [])],
  }
  if (block.program !== undefined) check(block.program, inner)
  if (block.inverse !== undefined) check(block.inverse, c)
}

/**
 * Returns true if a block changes the context, one `../` deeper: `each` and `with`. As in Handlebars,
 * `{{#with this}}` adds no level.
 */
export const changesContext = (block: Block): boolean => {
  const [param] = block.params
  const same = param?.type === 'PathExpression' && (param as Path).parts.length === 0 && (param as Path).depth === 0
  return block.path.original === 'each' || (block.path.original === 'with' && !same)
}

export const toDiagnostic = ({ summary, label, notes }: Problem, place: NonNullable<Diagnostic['place']>): Diagnostic => ({
  severity: 'error',
  summary,
  place,
  label,
  notes,
})
