const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** Reads a duration as seconds: `90`, `90s`, `10m`, `1h`, `30d`; undefined for any other text. */
export function secondsOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+)([smhd]?)$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * SECONDS[(unit || 's') as keyof typeof SECONDS]
}
