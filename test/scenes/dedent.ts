/**
 * Text as it stands in the source, without the indentation that its lines share and without the first and last line where they are
 * empty. What is filled in keeps its lines under one another.
 */
export function dedent(strings: TemplateStringsArray, ...values: readonly unknown[]): string {
  const raw = strings.reduce((text, part, index) => {
    const before = /(?:^|\n)([ ]*)$/.exec(text)?.[1] ?? ''
    return text + String(values[index - 1]).replaceAll('\n', `\n${before}`) + part
  })
  const lines = raw.replace(/^ *\n/, '').replace(/\n *$/, '\n').split('\n')
  const shared = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(shared)).join('\n')
}
