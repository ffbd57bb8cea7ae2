import type { Ast } from './cel.ts'
import type { Reference } from '../template/template-syntax.ts'

/** Macros that bind their first argument as a variable for the rest. */
const binders = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/** Names of CEL itself in the place of a variable. */
const builtins = new Set([
  'cel',
  'google',
  'int',
  'uint',
  'double',
  'string',
  'bool',
  'bytes',
  'list',
  'map',
  'type',
  'dyn',
  'null_type',
  'timestamp',
  'duration',
])

/** The free variables of an expression, each with the keys that follow it, in order. */
export const referencesIn = (ast: Ast, bound: readonly string[] = [], optional = false): Reference[] => {
  switch (ast.op) {
    case 'value':
      return []
    case 'id':
    case '.':
    case '[]': {
      const { root, path, rest } = chainOf(ast)
      const own =
        root.op !== 'id'
          ? referencesIn(root, bound)
          : bound.includes(root.args) || builtins.has(root.args)
            ? []
            : [{ name: root.args, path, start: root.start, length: ast.end - root.start, optional }]
      return [...own, ...rest.flatMap((index) => referencesIn(index, bound))]
    }
    case 'call': {
      const [name, args] = ast.args
      const lenient = name === 'defined' || name === 'default'
      return args.flatMap((argument, index) => referencesIn(argument, bound, lenient && index === 0))
    }
    case 'rcall': {
      const [method, receiver, args] = ast.args
      const [first] = args
      if (binders.has(method) && args.length > 1 && first?.op === 'id') {
        return [
          ...referencesIn(receiver, bound),
          ...args.slice(1).flatMap((argument) => referencesIn(argument, [...bound, first.args])),
        ]
      }
      if (method === 'bind' && receiver.op === 'id' && receiver.args === 'cel' && first?.op === 'id') {
        return [...referencesIn(args[1]!, bound), ...referencesIn(args[2]!, [...bound, first.args])]
      }
      return [receiver, ...args].flatMap((argument) => referencesIn(argument, bound))
    }
    case 'map':
      return ast.args.flat().flatMap((part) => referencesIn(part, bound))
    default: {
      const parts = (Array.isArray(ast.args) ? ast.args : [ast.args]) as Ast[]
      return parts.flatMap((part) => referencesIn(part, bound))
    }
  }
}

/** Splits `a.b["c"][i].d` into its root, the literal keys before the first computed one, and the computed indexes. */
const chainOf = (ast: Ast): { root: Ast; path: string[]; rest: Ast[] } => {
  if (ast.op !== '.' && ast.op !== '[]') return { root: ast, path: [], rest: [] }
  const inner = chainOf(ast.args[0])
  if (ast.op === '.') return inner.rest.length > 0 ? inner : { ...inner, path: [...inner.path, ast.args[1]] }
  const index = ast.args[1]
  const literal = index.op === 'value' && ['string', 'bigint'].includes(typeof index.args)
  if (literal) return inner.rest.length > 0 ? inner : { ...inner, path: [...inner.path, String(index.args)] }
  return { ...inner, rest: [...inner.rest, index] }
}
