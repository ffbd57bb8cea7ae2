import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import template from '../../modules/template.ts'
import { Failure } from '../../runner/module.ts'
import { freshFolder, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { onFile } from '../doubles/address.ts'

const home = join(scratchFolder(), 'home')
const render = (text: string, file: string): string => {
  if (text.includes('{{ unknown }}')) throw new Failure(`${file}: unknown variable \`unknown\``, { kind: 'input' })
  return text.replaceAll('{{ ip }}', '10.0.0.5')
}
const controller = { 'nova.conf.hbs': 'my_ip = {{ ip }}\r\ngrüße', 'bad.hbs': '{{ unknown }}', bom: '\ufeffx' }
const fresh = freshFolder(home, { controller, render })
const dest = join(home, 'nova.conf')

behavesLikeAModule(
  template,
  { name: 'a new file', params: { src: 'nova.conf.hbs', dest, mode: '0600' }, target: fresh({}) },
  {
    name: 'in a folder, without its ending',
    params: { src: 'nova.conf.hbs', dest: `${home}/` },
    target: fresh({ 'nova.conf': 'old' }),
  },
)

describe('template', () => {
  test('fills in the variables and keeps every other byte', async () => {
    const target = fresh({ 'nova.conf': 'my_ip = 1\r\n' })()
    const params = { src: 'nova.conf.hbs', dest }
    const diff = await template.check(params, target)
    expect(diff.changes).toEqual([{ ...onFile(dest), before: 'my_ip = 1\r\n', after: 'my_ip = 10.0.0.5\r\ngrüße' }])
    await template.apply?.(params, diff, target)
    expect(readFileSync(dest, 'utf8')).toBe('my_ip = 10.0.0.5\r\ngrüße')
  })

  test('keeps a byte order mark', async () => {
    const target = fresh({})()
    const params = { src: 'bom', dest }
    await template.apply?.(params, await template.check(params, target), target)
    expect([...readFileSync(dest)]).toEqual([0xef, 0xbb, 0xbf, 0x78])
  })

  test('an error in the template names it, and nothing is written', async () => {
    const target = fresh({})()
    await expect(template.check({ src: 'bad.hbs', dest }, target)).rejects.toMatchObject({
      kind: 'input',
      message: 'bad.hbs: unknown variable `unknown`',
    })
    expect(target.wrote).toEqual([])
  })

  test('a template that is not there is named', async () => {
    await expect(template.check({ src: 'no.hbs', dest }, fresh({})())).rejects.toThrow('no.hbs')
  })

  test('a folder in the place of the file is not replaced', async () => {
    const target = fresh({}, (at) => mkdirSync(at('nova.conf')))()
    await expect(template.check({ src: 'nova.conf.hbs', dest }, target)).rejects.toThrow('is a folder')
  })
})
