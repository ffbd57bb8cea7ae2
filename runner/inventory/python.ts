/** Values of INI inventories, read as Python reads them. Called by ini.ts. */

/**
 * Reads a value of an INI inventory: a Python literal as Ansible reads it, any other text as text. `5` is a
 * number, `[1, 2]` a list, `True` a boolean; `true` and `0644` are text.
 * https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#inventory-formats
 * Tuples become lists. Sets, bytes, complex numbers and integers beyond 2^53 have no JSON form and stay text.
 */
export const readPythonValue = (text: string): unknown => {
  const reader = { text, index: 0 }
  const value = readValue(reader, 0)
  if (value === failed) return text
  skipBlanks(reader)
  return reader.index === text.length || text[reader.index] === '#' ? value : text
}

interface Reader {
  readonly text: string
  index: number
}

const failed = Symbol('not a literal')

const skipBlanks = (r: Reader): void => {
  while (/\s/.test(r.text[r.index] ?? '')) r.index++
}

const take = (r: Reader, pattern: RegExp): string | undefined => {
  const sticky = new RegExp(pattern.source, 'y')
  sticky.lastIndex = r.index
  const found = sticky.exec(r.text)?.[0]
  if (found !== undefined) r.index += found.length
  return found
}

const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['True', true],
  ['False', false],
  ['None', null],
])

const readValue = (r: Reader, depth: number): unknown => {
  if (depth > 50) return failed
  skipBlanks(r)
  const first = r.text[r.index]
  if (first === '[') return readList(r, ']', depth)
  if (first === '(') return readTuple(r, depth)
  if (first === '{') return readMapping(r, depth)
  if (/[rRuU]?["']/y.test(r.text.slice(r.index, r.index + 2))) return readStrings(r)
  const word = take(r, /(?:True|False|None)\b/)
  return word === undefined ? readNumber(r) : words.get(word)
}

/** https://docs.python.org/3/reference/lexical_analysis.html#numeric-literals */
const readNumber = (r: Reader): unknown => {
  const literal = take(
    r,
    /[+-]?\s*(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.?(?:\d(?:_?\d)*)?(?:[eE][+-]?\d(?:_?\d)*)?)(?![\w.])/,
  )
  if (literal === undefined || !/\d/.test(literal)) return failed
  const digits = literal.replace(/[_\s]/g, '')
  const [, sign = '', body = ''] = /^([+-]?)(.*)$/.exec(digits) ?? []
  // Unlike YAML 1.1, Python refuses leading zeros, except in zero itself.
  if (/^0\d+$/.test(body) && !/^0+$/.test(body)) return failed
  const number = Number(body)
  if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) return failed
  return sign === '-' && number !== 0 ? -number : number
}

const readList = (r: Reader, close: string, depth: number): unknown => {
  const list: unknown[] = []
  r.index++
  for (;;) {
    skipBlanks(r)
    if (r.text[r.index] === close) {
      r.index++
      return list
    }
    const value = readValue(r, depth + 1)
    if (value === failed) return failed
    list.push(value)
    skipBlanks(r)
    if (r.text[r.index] === ',') r.index++
    else if (r.text[r.index] !== close) return failed
  }
}

/** Reads a tuple. Round brackets around one value without a comma are only brackets. */
const readTuple = (r: Reader, depth: number): unknown => {
  const start = r.index
  const list = readList(r, ')', depth)
  if (!Array.isArray(list) || list.length !== 1) return list
  return /,\s*\)$/.test(r.text.slice(start, r.index)) ? list : (list[0] as unknown)
}

const readMapping = (r: Reader, depth: number): unknown => {
  const pairs: [string, unknown][] = []
  r.index++
  for (;;) {
    skipBlanks(r)
    if (r.text[r.index] === '}') {
      r.index++
      return Object.fromEntries(pairs)
    }
    const key = readValue(r, depth + 1)
    skipBlanks(r)
    if (key === failed || r.text[r.index] !== ':' || (typeof key === 'object' && key !== null)) return failed
    r.index++
    const value = readValue(r, depth + 1)
    if (value === failed) return failed
    pairs.push([String(key), value])
    skipBlanks(r)
    if (r.text[r.index] === ',') r.index++
    else if (r.text[r.index] !== '}') return failed
  }
}

/** Reads strings; neighbouring strings are joined. */
const readStrings = (r: Reader): unknown => {
  let joined = ''
  for (;;) {
    const part = readString(r)
    if (part === undefined) return failed
    joined += part
    const before = r.index
    skipBlanks(r)
    if (!/^[rRuU]?["']/.test(r.text.slice(r.index, r.index + 2))) {
      r.index = before
      return joined
    }
  }
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
}

const readString = (r: Reader): string | undefined => {
  const written = take(r, /[rRuU]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')/)
  if (written === undefined) return undefined
  const literal = written.replace(/^[rRuU]/, '')
  if (/^[rR]/.test(written)) return literal.slice(1, -1)
  return literal
    .slice(1, -1)
    .replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|.)/g, (whole, code: string) =>
      /^[0-7]/.test(code)
        ? String.fromCodePoint(Number.parseInt(code, 8))
        : code.length > 1
          ? String.fromCodePoint(Number.parseInt(code.slice(1), 16))
          : (escapes[code] ?? whole),
    )
}
