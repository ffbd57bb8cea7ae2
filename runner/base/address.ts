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
