/**
 * The address of a resource: changes, snapshots, drift and saved plans refer to one. Only `inWords` makes
 * text of it.
 */
export interface Address {
  /** Host in the inventory. For a resource in the cloud: the cloud's name in clouds.yaml, or empty. */
  readonly host: string
  readonly kind: ResourceKind
  /** Unique for the kind on the host. A file's name is its normalised path. */
  readonly name: string
}

/** The noun before a name that is not clear by itself. */
const NOUNS = {
  file: '',
  unit: '',
  user: 'user ',
  package: 'package ',
  'kernel-parameter': '',
  row: 'row ',
  'service-record': '',
  server: 'server ',
  /** An act without a state to restore: a command, a wait. */
  act: '',
}

export type ResourceKind = keyof typeof NOUNS

/** Names an address in words: `/etc/hosts`, `server web-1`; with a property `/etc/hosts: mode`. */
export const inWords = ({ kind, name }: Address, property?: string): string =>
  `${NOUNS[kind]}${name}${property === undefined ? '' : `: ${property}`}`

/** A key for maps: equal addresses have equal keys. */
export const addressKey = ({ host, kind, name }: Address): string => JSON.stringify([host, kind, name])

export const isSame = (one: Address, other: Address): boolean => addressKey(one) === addressKey(other)

/** Returns true if a folder holds the other file, at any depth. Only names of files are paths. */
export const isAbove = (folder: Address, other: Address): boolean =>
  folder.kind === 'file' &&
  other.kind === 'file' &&
  folder.host === other.host &&
  other.name.startsWith(folder.name.endsWith('/') ? folder.name : `${folder.name}/`) &&
  other.name !== folder.name

/** Returns true if a change of one may change the other. */
export const overlaps = (one: Address, other: Address): boolean =>
  isSame(one, other) || isAbove(one, other) || isAbove(other, one)
