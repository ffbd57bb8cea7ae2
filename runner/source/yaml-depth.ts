import { type CST, Parser } from 'yaml'

/** Deeper than any hand-written file, and far below the depth at which the parser's recursion ends the process. */
export const maxDepth = 200

/**
 * Returns true if a text nests collections so deeply that its parsing would exhaust the stack (V8 cannot
 * always turn that into an exception). Brackets and indentation clear nearly every file; only a suspicious
 * one is parsed, without recursion.
 */
export const isTooDeep = (text: string): boolean => isSuspicious(text) && depthOf(text) > maxDepth

const isSuspicious = (text: string): boolean => {
  let open = 0
  let lineStart = true
  let indicators = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!
    if (character === '\n') {
      lineStart = true
      indicators = 0
      continue
    }
    // After indentation and `- `, a line may start many collections at once.
    if (lineStart && (character === ' ' || character === '-' || character === '?' || character === ':')) indicators++
    else lineStart = false
    if (character === '[' || character === '{') open++
    else if ((character === ']' || character === '}') && open > 0) open--
    if (open > maxDepth || indicators > maxDepth) return true
  }
  return false
}

const depthOf = (text: string): number => {
  let deepest = 0
  const stack: { readonly token: CST.Token; readonly depth: number }[] = []
  for (const token of new Parser().parse(text)) stack.push({ token, depth: 0 })
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next
    deepest = Math.max(deepest, depth)
    if (token.type === 'document' && token.value !== undefined) stack.push({ token: token.value, depth })
    if (!('items' in token)) continue
    for (const { key, value } of token.items) {
      if (key != null) stack.push({ token: key, depth: depth + 1 })
      if (value !== undefined) stack.push({ token: value, depth: depth + 1 })
    }
  }
  return deepest
}
