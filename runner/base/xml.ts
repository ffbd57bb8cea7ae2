import { createRequire } from 'node:module'
import type { Element } from '@xmldom/xmldom'
import { Failure } from './failure.ts'

/** An element of an XML document, read only. */
export interface Xml {
  /** The written name, with its prefix: `nova:instance`. */
  readonly name: string
  /** By written name; values without their quotes, references resolved. */
  readonly attributes: Readonly<Record<string, string>>
  /** All text in the element and below, trimmed. */
  readonly text: string
  /** The first element at a path of names below this one (`os/type`); undefined if there is no such element. */
  at(path: string): Xml | undefined
  /** All elements at a path of names below this one, in the order of the document. */
  all(path: string): readonly Xml[]
  /** The element as XML again; quotes around attributes may differ from the original. */
  toString(): string
}

/**
 * Reads an XML document and returns its root element. A document type is refused: Nova and libvirt write
 * none, and its entities could grow without bound. Throws `Failure` if the text is not well-formed.
 */
export function parseXml(text: string): Xml {
  // Loaded at the first document: loading takes as long as the rest of the program needs to print its help.
  const { DOMParser, onWarningStopParsing } = createRequire(import.meta.url)('@xmldom/xmldom') as typeof import('@xmldom/xmldom')
  const refuse = (why: string, cause?: unknown) => new Failure('the XML cannot be read', { why, cause })
  if (text.includes('<!DOCTYPE')) throw refuse('it has a document type, which is not supported')
  try {
    const { documentElement } = new DOMParser({ onError: onWarningStopParsing }).parseFromString(text, 'text/xml')
    if (documentElement !== null) return xmlOf(documentElement)
  } catch (error) {
    throw refuse((error as Error).message, error)
  }
  throw refuse('it has no element')
}

function xmlOf(element: Element): Xml {
  const all = (path: string): readonly Xml[] =>
    path
      .split('/')
      .reduce((found, name) => found.flatMap((each) => childrenOf(each).filter((child) => child.tagName === name)), [element])
      .map(xmlOf)
  return {
    name: element.tagName,
    attributes: Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
    get text() {
      return (element.textContent ?? '').trim()
    },
    all,
    at: (path) => all(path)[0],
    toString: () => element.toString(),
  }
}

const childrenOf = (element: Element): Element[] =>
  [...element.childNodes].filter((node): node is Element => node.nodeType === node.ELEMENT_NODE)
