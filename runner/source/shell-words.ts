/** A word of a line, with where it stands there (quotes included). */
export interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
}

/**
 * Splits a line into words as a POSIX shell does: blanks separate, quotes group, a backslash takes the next character literally.
 * Undefined where a quote is not closed.
 *
 * @param comments whether `#` outside quotes ends the line, even inside a word (as in Python's shlex, which INI inventories are read with)
 */
export const splitWords = (line: string, comments = false): Word[] | undefined => {
  const words: Word[] = []
  let index = 0
  while (index < line.length) {
    if (/\s/.test(line[index]!)) {
      index++
      continue
    }
    if (comments && line[index] === '#') break
    const start = index
    let text = ''
    let quote: string | undefined
    for (; index < line.length; index++) {
      const character = line[index]!
      if (quote === undefined && (/\s/.test(character) || (comments && character === '#'))) break
      if (character === quote) quote = undefined
      else if (quote === undefined && (character === '"' || character === "'")) quote = character
      else if (character === '\\' && quote !== "'" && index + 1 < line.length) {
        // Between double quotes a backslash is one, unless it stands before a quote or another.
        if (quote === '"' && !'"\\'.includes(line[index + 1]!)) text += character
        text += line[++index]!
      } else text += character
    }
    if (quote !== undefined) return undefined
    words.push({ text, start, end: index })
  }
  return words
}
