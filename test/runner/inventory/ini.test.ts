import { expect, test } from 'vitest'
import { readIni } from '../../../runner/inventory/ini.ts'
import { placeOfNode } from '../../../runner/source/yaml.ts'

const read = (text: string, known?: string[]) => {
  const { declarations, diagnostics } = readIni('hosts', text, known)
  const said = declarations.map((one) => {
    if (one.kind === 'group') return `group ${one.name}`
    if (one.kind === 'child') return `${one.child} in ${one.group}`
    const vars = Object.entries(one.vars).map(([name, { value }]) => `${name}=${JSON.stringify(value)}`)
    return [one.kind === 'host' ? `host ${one.name} in ${one.group}` : `vars of ${one.group}`, ...vars].join(' ')
  })
  return {
    said,
    wrong: diagnostics.map(({ severity, summary, place }) => `${severity} ${place!.line}:${place!.column} ${summary}`),
  }
}

test('hosts, groups, children and variables in their order', () => {
  expect(read('a x=1\n; c\n[web] # c\n  b:22  y="p q"  \n\n[all-web:children]\nweb # c\n[web:vars]\nz = [1, "2"]\ne=\n')).toEqual(
    {
      said: [
        'host a in ungrouped x=1',
        'group web',
        'host b in web ansible_port=22 y="p q"',
        'group all-web',
        'web in all-web',
        'group web',
        'vars of web z=[1,"2"]',
        'vars of web e=""',
      ],
      wrong: [],
    },
  )
})

test('a group may be named as a child before it is declared, and joins when it is', () => {
  expect(read('[p:children]\nlate\n[early]\nx\n[q:children]\nearly\n[late]\ny\n').said).toEqual([
    'group p',
    'group early',
    'host x in early',
    'group q',
    'early in q',
    'group late',
    'late in p',
    'host y in late',
  ])
})

test('groups of files before may be referred to', () => {
  expect(read('[p:children]\nold\n[old:vars]\na=1\n').wrong).toEqual(['error 2:1 unknown group `old`'])
  expect(read('[p:children]\nold\n[old:vars]\na=1\n', ['old']).wrong).toEqual([])
})

test('one slip does not hide the next', () => {
  expect(read('a b\n[x y]\n[x:z]\nc\n[v:vars]\nnothing\n').wrong).toEqual([
    'error 1:3 variables of a host are written name=value',
    'error 2:1 this is not a section',
    'error 3:1 unknown kind of section `z`',
    'error 6:1 variables are written name=value',
    'error 5:1 unknown group `v`',
  ])
})

test('values know their places', () => {
  const { declarations } = readIni('hosts', '[g:vars]\n  key  =  "a" \n[g]\nh  a=1   b="x y"\n')
  const [, vars, , host] = declarations as { vars: Record<string, Parameters<typeof placeOfNode>[0]> }[]
  expect(placeOfNode(vars!.vars['key']!)).toEqual({ file: 'hosts', line: 2, column: 11, length: 3 })
  expect(placeOfNode(host!.vars['b']!)).toEqual({ file: 'hosts', line: 4, column: 12, length: 5 })
})
