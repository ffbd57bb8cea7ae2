import type { AnyModule } from '../../module.ts'
import type { Diagnostic } from '../../source/diagnostic.ts'
import { kindOf } from '../template/helpers.ts'
import { type Kind, keywordsOf } from './keywords.ts'
import { placeOfNode } from '../../source/yaml.ts'
import { checkArgs, example, flow } from '../params/module-params.ts'
import { type Mapping, type Reading, complain, isMapping, isText } from './field-readers.ts'
import type { Node } from '../../source/source.ts'
import { nearest } from '../../base/suggest.ts'
import { checkTemplates } from '../template/template.ts'

/** Reads the parameters under a module's key, and checks them as far as they are known. */
export const readModule = (r: Reading, node: Node): Mapping | undefined => {
  const name = String(node.path.at(-1))
  const module = r.modules.get(name)!
  if (node.value === null) return readModule(r, { ...node, value: {} })
  if (!isMapping(node)) {
    const label = isText(node) ? asMapping(module, node.value) : undefined
    return complain(r, node, `the parameters of \`${name}\` must be a mapping`, {
      label: label === undefined ? `this is ${kindOf(node.value)}` : `write ${name}: { ${label} }`,
      notes: label === undefined ? [`for example: ${example(module)}`] : [],
    })
  }
  const problems = checkTemplates(node)
  problems.forEach(r.report)
  checkArgs(module, node).forEach(r.report)
  return node
}

/** Rewrites `key=value` and free-form parameters as a mapping. */
const asMapping = (module: AnyModule, text: string): string | undefined => {
  const pairs = [...text.matchAll(/(\w+)=("[^"]*"|'[^']*'|\S+)/g)]
  if (pairs.length > 0 && text.replace(/\w+=("[^"]*"|'[^']*'|\S+)/g, '').trim() === '') {
    return flow(Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value.replace(/^(["'])(.*)\1$/, '$2')])))
  }
  const { properties } = module.params
  const main = ['cmd', 'msg', 'name', 'path'].find((key) => Object.hasOwn(properties, key)) ?? module.params.required?.[0]
  return main === undefined || text.includes('{{') ? undefined : flow({ [main]: text })
}

/** Reports an unknown module. A full name of Ansible's ends in the short one. */
export const unknownModule = (r: Reading, key: string, node: Node, kind: Kind): Diagnostic => {
  const short = key.split('.').at(-1)!
  const names = [...r.modules.keys()]
  const meant = r.modules.has(short) ? short : nearest(short, [...names, ...keywordsOf(kind)])
  return {
    severity: 'error',
    summary: `unknown module \`${key}\``,
    place: placeOfNode(node, 'key'),
    label: meant && `did you mean \`${meant}\`?`,
    notes: ['list the modules: runbook modules'],
  }
}
