/**
 * Decides by their names which values are secret, and finds them in texts: settings, credentials in URLs,
 * private keys. Called by error frames, differences of files and modules; `secret-values.ts` hides known
 * values.
 */

/** The text in place of a secret. */
export const HIDDEN = '(hidden)'

/** The same in older journals. */
export const HIDDEN_BEFORE = '********'

/** Returns true if something in a text was hidden: the text is unusable as a value. */
export const holdsHidden = (text: string): boolean => text.includes(HIDDEN) || text.includes(HIDDEN_BEFORE)

/**
 * Names of secrets in OpenStack, libvirt, MariaDB, RabbitMQ and Ansible (`admin_password`, `adminPass`,
 * `transport_url`, `connection` with the database's password inside, `metadata_proxy_shared_secret`,
 * `memcache_secret_key`, `root_token_id`).
 */
const SECRET_NAME =
  /passw(or)?ds?$|passphrases?$|(^|[_-]|admin)(pass|pw)$|(^|[_-])(connection|transport_url)$|secret|token(?!_?(expir|ttl|len|type|format))|(private|encryption|fernet|hmac|api)_?key|credential/i

/** Names of things beside a secret, or of its file. */
const NO_SECRET_NAME = /[_-](file|files|path|dir|directory|uuid)$/i

/** Returns true if an option, a parameter or a variable of this name holds a secret. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name) && !NO_SECRET_NAME.test(name)

/** Returns true if a setting must be hidden: by its name, or for a URL with a password in its values. */
export const isSecretSetting = (name: string, ...values: readonly (string | undefined)[]): boolean =>
  isSecretName(name) || values.some((value) => value !== undefined && urlSpans(value).length > 0)

/** A range of a text; `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Shown {
  /** The text with every secret hidden. */
  readonly text: string
  /** The secrets in order: they differ if only a hidden part has changed. */
  readonly secrets: string
}

/** Hides the secrets that `secretSpans` finds in a text. */
export function hideSecrets(text: string): Shown {
  const spans = secretSpans(text)
  return { text: hideSpans(text, spans), secrets: spans.map(({ start, end }) => text.slice(start, end)).join('\n') }
}

/** Hides the credentials in the URLs of a message. */
export const hideCredentials = (text: string): string => hideSpans(text, urlSpans(text))

/** @param spans in order, without overlaps */
export function hideSpans(text: string, spans: readonly Span[]): string {
  let shown = ''
  let from = 0
  for (const { start, end } of spans) {
    shown += text.slice(from, start) + HIDDEN
    from = end
  }
  return shown + text.slice(from)
}

/**
 * Finds the secrets of a text (a file, a playbook, a command line): values of secret names with their
 * continuation lines, also if an option and its value are two keys of one mapping (`option: admin_password`,
 * `value: …`); passwords in URLs; private keys.
 *
 * @returns in order, without overlaps
 */
export function secretSpans(text: string): readonly Span[] {
  const lines = linesOf(text)
  const pairs = lines.map((line) => pairsOf(line.text))
  return outermost([
    ...lines.flatMap((_line, at) => settingSpans(lines, at, pairs[at]!)),
    ...pairedSpans(lines, pairs),
    ...flowSpans(text),
    ...urlSpans(text),
    ...keySpans(lines),
  ])
}

/** Sorts spans, and merges those that overlap. */
export function outermost(spans: readonly Span[]): readonly Span[] {
  const kept: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1)
    if (last === undefined || span.start >= last.end) kept.push(span)
    else if (span.end > last.end) kept[kept.length - 1] = { start: last.start, end: span.end }
  }
  return kept
}

interface Line {
  readonly text: string
  /** The offset of the line in the whole text. */
  readonly start: number
  /** Columns before the first key or word, list dashes counted as blanks; undefined for an empty line. */
  readonly indent: number | undefined
  readonly isItem: boolean
}

const MARGIN = /^[ \t]*((?:-[ \t]+)*)/

function linesOf(text: string): readonly Line[] {
  let start = 0
  return text.split('\n').map((line) => {
    const own = line.replace(/\r$/, '')
    const [margin = '', dashes = ''] = MARGIN.exec(own) ?? []
    const parsed = { text: own, start, indent: margin.length === own.length ? undefined : margin.length, isItem: dashes !== '' }
    start += line.length + 1
    return parsed
  })
}

/** A name and its separator. */
const NAMED = /(?<![\w.-])(["']?)([\w.-]+)\1[ \t]*(?::=|=>|[=:])[ \t]*/g
/** The allowed text before the first name of a line. */
const BEFORE_FIRST = /^[ \t]*(?:-[ \t]+)*(?:export[ \t]+|[#;]+[ \t]*)?$/
/** The head of a YAML block, followed by the lines of its text. */
const BLOCK_HEAD = /^(?:![\w-]+[ \t]*)?(?:[|>][+\-\d]*)?[ \t]*(?:#.*)?$/
/** An empty value, or a value that cannot be secret. */
const NO_SECRET = /^(?:["']{2}|true|false|yes|no|null|none|~)?[ \t,]*(?:[ \t]#.*)?$/i

/** Finds the values of the secret names in one line, with the continuation lines of the last one. */
function settingSpans(lines: readonly Line[], at: number, pairs: readonly Pair[]): readonly Span[] {
  const isPaired = pairs.some(namesSecret)
  return pairs
    .filter((pair) => (isSecretName(pair.name) && !isPlainConnection(pair)) || (isPaired && VALUE_KEYS.has(pair.name)))
    .flatMap(({ from, first }) => valueSpans(lines, at, from, first))
}

/**
 * Returns true for a `connection` that is an ordinary word (a way to reach a host); a database's `connection`
 * is a URL.
 */
const isPlainConnection = ({ name, value }: Pair): boolean => /connection$/i.test(name) && !value().includes(':')

interface Pair {
  readonly name: string
  /** A function, since finding the end costs more than finding the start, and few names need it. */
  value(): string
  /** The offset of the value in the line. */
  readonly from: number
  /** True if nothing precedes the name: the value is the rest of the line. */
  readonly first: boolean
}

const pairsOf = (line: string): readonly Pair[] =>
  [...line.matchAll(NAMED)].map((found) => {
    const from = found.index + found[0].length
    return {
      name: found[2] ?? '',
      value: () => line.slice(from, endOfValue(line, from)),
      from,
      first: BEFORE_FIRST.test(line.slice(0, found.index)),
    }
  })

/** Finds the value that begins in a line at `from`, with the lines of its block and its continuation lines. */
function valueSpans(lines: readonly Line[], at: number, from: number, first: boolean): readonly Span[] {
  const { text, start } = lines[at]!
  const rest = text.slice(from)
  if (first && BLOCK_HEAD.test(rest))
    return belowSpans(lines, at, /[|>]/.test(rest) || !text.slice(0, from).trimEnd().endsWith(':'))
  const value = (first ? rest : text.slice(from, endOfValue(text, from))).trimEnd()
  if (/^\{(?!\{)/.test(rest) || NO_SECRET.test(value) || value.startsWith(HIDDEN) || isTemplate(value)) return []
  const own = { start: start + from, end: start + from + value.length }
  return first ? [own, ...belowSpans(lines, at, true)] : [own]
}

/**
 * Finds the lines indented below a name. If the name has no text of its own, they may be a mapping, whose own
 * names are searched instead.
 */
function belowSpans(lines: readonly Line[], at: number, all: boolean): readonly Span[] {
  const own = lines[at]!.indent ?? 0
  const spans: Span[] = []
  for (let below = at + 1; below < lines.length; below++) {
    const { text, start, indent, isItem } = lines[below]!
    if (indent === undefined) continue
    if (indent <= own) break
    const words = text.slice(indent)
    if (!all && (/^["']?[\w.-]+["']?[ \t]*:(?:\s|$)/.test(words) || (!isItem && spans.length === 0 && /^[[{]/.test(words)))) break
    if (!isTemplate(words) && !NO_SECRET.test(words)) spans.push({ start: start + indent, end: start + text.trimEnd().length })
  }
  return spans
}

/** Returns true for nothing but `{{ … }}`, quotes and separators. */
const isTemplate = (value: string): boolean =>
  value.includes('{{') && !/[\p{L}\p{N}]{3}/u.test(value.replaceAll(/\{\{[^{}]*\}\}/g, '').replace(/[ \t]#.*$/, ''))

/** The reach of the search around a name. A value without an end inside it extends to the end of the line. */
const REACH = 4096

/** Finds the end of a value inside a line: its quote, its bracket, or the separator before the next. */
function endOfValue(line: string, from: number): number {
  const near = line.slice(from, from + REACH)
  const quote = /^(["'])(?:\\.|(?!\1)[^\\])*\1/.exec(near)
  if (quote !== null) return from + quote[0].length
  if (/^["']/.test(near)) return line.length
  if (line[from] === '[') return line.includes(']', from) ? line.indexOf(']', from) + 1 : line.length
  const before = line.slice(Math.max(0, from - REACH), from).replaceAll(/\{\{[^{}]*\}\}/g, '')
  const last = (...brackets: readonly string[]) => Math.max(...brackets.map((bracket) => before.lastIndexOf(bracket)))
  const inFlow = last('{', '[') > last('}', ']')
  const inQuery = last('?') > last(' ', '\t')
  const stop = inFlow ? /[,}\]"']|\s#/ : inQuery ? /[\s&"']/ : /[\s"'`]/
  const length = near.search(stop)
  return length < 0 ? line.length : from + length
}

const OPTION_KEYS = new Set(['option', 'name', 'key', 'var', 'variable', 'parameter', 'setting', 'field'])
const VALUE_KEYS = new Set(['value', 'values', 'default', 'example', 'enum'])

/** Returns true if a key marks its mapping as secret: `option: admin_password`; `secret: true` of a parameter. */
function namesSecret({ name, value }: Pair): boolean {
  if (!OPTION_KEYS.has(name) && name !== 'secret') return false
  const text = value()
    .trim()
    .replaceAll(/^["']|["']$/g, '')
  return name === 'secret' ? text === 'true' : /^[\w.-]+$/.test(text) && isSecretName(text)
}

/** Finds values named by another key of the same mapping, a key a line. */
function pairedSpans(lines: readonly Line[], pairs: readonly (readonly Pair[])[]): readonly Span[] {
  const known = new Set<number>()
  return lines.flatMap((_line, at) => {
    const [pair] = pairs[at]!
    if (known.has(at) || pair?.first !== true || !namesSecret(pair)) return []
    return mappingOf(lines, at).flatMap((other) => {
      known.add(other)
      const [one] = pairs[other]!
      return one?.first === true && VALUE_KEYS.has(one.name) ? valueSpans(lines, other, one.from, true) : []
    })
  })
}

/** The other lines that begin with a key of the same mapping. */
function mappingOf(lines: readonly Line[], at: number): readonly number[] {
  const { indent, isItem } = lines[at]!
  const found: number[] = []
  const depth = (other: number) => lines[other]?.indent ?? Number.POSITIVE_INFINITY
  for (let up = at - 1; !isItem && up >= 0 && depth(up) >= indent!; up--) {
    if (depth(up) > indent!) continue
    found.push(up)
    if (lines[up]!.isItem) break
  }
  for (let down = at + 1; down < lines.length && depth(down) >= indent!; down++) {
    if (depth(down) > indent!) continue
    if (lines[down]!.isItem) break
    found.push(down)
  }
  return found
}

/** Finds the same in a mapping in braces, on one line or several. */
function flowSpans(text: string): readonly Span[] {
  const flat = text.replaceAll(/\{\{[^{}]*\}\}/g, (template) => '\0'.repeat(template.length)).replaceAll('\n', ' ')
  return [...flat.matchAll(/\{[^{}]*\}/g)].flatMap(({ 0: mapping, index }) => {
    const pairs = pairsOf(mapping)
    if (!pairs.some(namesSecret)) return []
    return pairs
      .filter(({ name }) => VALUE_KEYS.has(name))
      .map(({ value, from }) => ({ value: value(), from }))
      .filter(({ value }) => !NO_SECRET.test(value) && !value.startsWith('\0') && value !== HIDDEN)
      .map(({ value, from }) => ({ start: index + from, end: index + from + value.trimEnd().length }))
  })
}

/** Credentials in a URL: `rabbit://nova:s3cret@host`, the text before the last `@` of the hosts. */
const CREDENTIALS = /(?<=\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/:@"'<>]*:[^\s/"'<>]+(?=@)/gi

const urlSpans = (text: string): readonly Span[] =>
  [...text.matchAll(CREDENTIALS)].flatMap(({ 0: found, index }) =>
    isTemplate(found.slice(found.indexOf(':'))) || found === HIDDEN ? [] : [{ start: index, end: index + found.length }],
  )

/** Finds private keys in PEM (RFC 7468), on lines of their own or in one line with literal `\n`. */
function keySpans(lines: readonly Line[]): readonly Span[] {
  const spans: Span[] = []
  let begun: number | undefined
  for (const { text, start } of lines) {
    const begin = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.exec(text)
    const end = /-----END [A-Z ]*PRIVATE KEY-----/.exec(text)
    if (begin !== null) begun = start + begin.index
    if (end === null || begun === undefined) continue
    spans.push({ start: begun, end: start + end.index + end[0].length })
    begun = undefined
  }
  return spans
}
