/** Reads `loop` and `loop_control`. Called by tasks.ts. */
import type { Diagnostic } from '../../source/diagnostic.ts'
import type { Node } from '../../source/source.ts'
import { entries, keyOf } from '../../source/yaml.ts'
import { kindOf } from '../template/helpers.ts'
import { checkTemplates, isTemplate } from '../template/template.ts'
import {
  checkKeys,
  complain,
  given,
  isList,
  isMapping,
  isText,
  type Reading,
  readNumber,
  readText,
  readVariableName,
} from './field-readers.ts'
import { readCanary, readDeadline, readMaxFailures, type Read, wholeNumber } from './loop-values.ts'
import type { LoopControl, LoopLimit } from './types.ts'

/** Reads `loop`: a list, or a template of one. */
export const readLoop = (r: Reading, node: Node | undefined): Node | undefined => {
  if (node === undefined) return undefined
  const whole = isText(node) && isTemplate(node.value)
  if (!isList(node) && !whole) {
    const label = isText(node)
      ? /^[\w.]+$/.test(node.value)
        ? `write "{{ ${node.value} }}"`
        : 'this is text'
      : `this is ${kindOf(node.value)}`
    return complain(r, node, '`loop` must be a list, or a template of one', { label })
  }
  const problems: Diagnostic[] = checkTemplates(node)
  problems.forEach(r.report)
  return node
}

const defaultLoop: LoopControl = {
  loopVar: 'item',
  indexVar: undefined,
  label: undefined,
  pause: 0,
  parallel: undefined,
  limits: [],
  maxFailures: undefined,
  canary: undefined,
  deadline: undefined,
}

export const readLoopControl = (r: Reading, node: Node | undefined): LoopControl => {
  if (node === undefined) return defaultLoop
  if (!isMapping(node)) {
    complain(r, node, '`loop_control` must be a mapping', { label: `this is ${kindOf(node.value)}` })
    return defaultLoop
  }
  checkKeys(r, node, 'loop_control')
  return {
    loopVar: readVariableName(r, given(node, 'loop_var')) ?? defaultLoop.loopVar,
    indexVar: readVariableName(r, given(node, 'index_var')),
    label: readText(r, given(node, 'label')),
    pause: readNumber(r, given(node, 'pause'), { min: 0 }) ?? 0,
    parallel: readBy(r, given(node, 'parallel'), wholeNumber('`parallel`')),
    limits: readLimits(r, given(node, 'limits')),
    maxFailures: readBy(r, given(node, 'max_failures'), readMaxFailures),
    canary: readBy(r, given(node, 'canary'), readCanary),
    deadline: readBy(r, given(node, 'deadline'), readDeadline),
  }
}

/** Reads the limits by key; the keys are templates of the item. */
const readLimits = (r: Reading, node: Node | undefined): LoopLimit[] => {
  if (node === undefined) return []
  if (!isMapping(node)) {
    complain(r, node, '`limits` must be a mapping of keys to numbers', { label: 'write { "{{ item.host }}": 2 }' })
    return []
  }
  return entries(node).flatMap(([, member]) => {
    const key = keyOf(member)
    checkTemplates(key).forEach(r.report)
    if (!isTemplate(key.value))
      complain(r, key, 'this key is the same for every item', {
        severity: 'warning',
        label: /^\w+(\.\w+)+$/.test(key.value) ? `write "{{ ${key.value} }}"` : undefined,
      })
    const atMost = readBy(r, member, wholeNumber('a number of `limits`'))
    return atMost === undefined ? [] : [{ key, atMost }]
  })
}

/** Checks a literal value; a template is checked after rendering. */
const readBy = (r: Reading, node: Node | undefined, read: (value: unknown) => Read<unknown>): Node | undefined => {
  if (node === undefined) return undefined
  if (isText(node) && isTemplate(node.value)) return readText(r, node)
  const found = read(node.value)
  return 'wrong' in found ? complain(r, node, found.wrong) : node
}
