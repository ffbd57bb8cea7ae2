/** The built program: what it loads, its help, its schema, a reader that goes away. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

/** The built program, as `npm test` has just made it. */
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const bin = join(checkout, 'dist/runner/bin.js')
const folder = mkdtempSync(join(tmpdir(), 'runbook-bin-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes the URL of everything that is loaded into a file. */
const hook = join(folder, 'hook.mjs')
const loaded = join(folder, 'loaded')
const loader = `import { appendFileSync } from 'node:fs'
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  appendFileSync(${JSON.stringify(loaded)}, found.url + '\\n')
  return found
}`
writeFileSync(
  hook,
  `import { register } from 'node:module'\nregister('data:text/javascript,' + encodeURIComponent(${JSON.stringify(loader)}))\n`,
)

const runbook = (args: readonly string[], node: readonly string[] = []) =>
  spawnSync(process.execPath, [...node, bin, ...args], { cwd: checkout, encoding: 'utf8' })

describe('the program as built', () => {
  test('is there: build before testing', () => expect(existsSync(bin)).toBe(true))

  test.each([[['--help']], [['lint', 'playbooks/live-migrate.yml']], [['modules']], [['schema']]])(
    '%j loads no ssh2, mysql2 or listr2',
    (args) => {
      rmSync(loaded, { force: true })
      const { status, stderr } = runbook(args, ['--import', pathToFileURL(hook).href])
      expect(stderr).toBe('')
      expect(status).toBe(0)
      const urls = readFileSync(loaded, 'utf8').split('\n')
      expect(urls.length).toBeGreaterThan(5)
      expect(urls.filter((url) => /node_modules\/(ssh2|node-ssh|mysql2|listr2)\//.test(url))).toEqual([])
    },
  )

  test('--help loads none of the libraries that read or write anything', () => {
    rmSync(loaded, { force: true })
    expect(runbook(['--help'], ['--import', pathToFileURL(hook).href]).status).toBe(0)
    const urls = readFileSync(loaded, 'utf8').split('\n')
    expect(urls.filter((url) => /\/modules\/|node_modules\/(yaml|handlebars|@marcbachmann|ajv|diff|re2\w*)\//.test(url))).toEqual(
      [],
    )
  })

  test('a defect that nobody caught is one message, without a stack', () => {
    const late = "process.once('beforeExit', () => { throw new TypeError('x is not a function') })"
    const { status, stderr } = runbook(['modules'], ['--import', `data:text/javascript,${encodeURIComponent(late)}`])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^error: this is a defect of runbook, not of your files\n  x is not a function\n  = please report it .*\n$/,
    )
  })

  test('a reader that goes away (`| head`) is no crash', () => {
    const { stdout, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${bin}" schema | head -1; echo`], {
      cwd: checkout,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe('{')
  })

  test('the editor schema that ships is that of the modules', () => {
    expect(runbook(['schema']).stdout).toBe(readFileSync(join(checkout, 'runbook.schema.json'), 'utf8'))
  })

  test('every module has a page', () => {
    const names = runbook(['modules'])
      .stdout.trim()
      .split('\n')
      .map((line) => line.split(' ')[0] as string)
    expect(names).toContain('live_migration')
    for (const name of ['live_migration', 'ini'])
      expect(runbook(['docs', name]).stdout).toMatch(/^# \w+[\s\S]*## Parameters[\s\S]*## Examples/)
    expect(runbook(['docs', 'inni'])).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean `ini`?') })
  })

  test.each([['plan', 'x.yml'], ['runs'], ['modules'], ['--help']])('%s in a folder that was removed is no defect', (...args) => {
    const there = mkdtempSync(join(tmpdir(), 'runbook-gone-'))
    const { status, stderr } = spawnSync('sh', ['-c', 'rmdir "$PWD" && exec "$@"', 'sh', process.execPath, bin, ...args], {
      cwd: there,
      encoding: 'utf8',
    })
    expect(stderr).toContain('error: working folder not found\n')
    expect(stderr).not.toContain('at ')
    expect(status).toBe(2)
  })
})
