/** What a step acts on, as fields: changes, snapshots, drift and saved plans all speak of an address. Text is made of it by `inWords` alone. */
export interface Address {
  /** Host of the inventory that it is on. What lives in the cloud has the cloud's name here, as clouds.yaml gives it, or nothing. */
  readonly host: string
  readonly kind: ResourceKind
  /** Of no other resource of that kind on the host. A file's is its path, tidy. */
  readonly name: string
}

/** What stands before the name where that alone does not say what is meant. */
const NOUNS = {
  file: '',
  unit: '',
  user: 'user ',
  package: 'package ',
  'kernel-parameter': '',
  row: 'row ',
  'service-record': '',
  server: 'server ',
  /** Of what has no state to be restored: a command, something waited for. */
  act: '',
}

export type ResourceKind = keyof typeof NOUNS

/** `/etc/hosts`, `server web-1`; with a property `/etc/hosts: mode`. */
export const inWords = ({ kind, name }: Address, property?: string): string =>
  `${NOUNS[kind]}${name}${property === undefined ? '' : `: ${property}`}`

/** The same text for the same address. */
export const addressKey = ({ host, kind, name }: Address): string => JSON.stringify([host, kind, name])

export const isSame = (one: Address, other: Address): boolean => addressKey(one) === addressKey(other)

/** Whether a folder has the other in it, at any depth. Nothing but a file's name is a path. */
export const isAbove = (folder: Address, other: Address): boolean =>
  folder.kind === 'file' &&
  other.kind === 'file' &&
  folder.host === other.host &&
  other.name.startsWith(folder.name.endsWith('/') ? folder.name : `${folder.name}/`) &&
  other.name !== folder.name

/** Whether a change of one can be a change of the other. */
export const overlaps = (one: Address, other: Address): boolean =>
  isSame(one, other) || isAbove(one, other) || isAbove(other, one)
