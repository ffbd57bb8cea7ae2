import type { Change, ResourceKind } from '../../runner/module.ts'

type On = Pick<Change, 'resource' | 'property'>

const on =
  (kind: ResourceKind, usual: string) =>
  (name: string, property?: string, host = usual): On => ({
    resource: { host, kind, name },
    ...(property === undefined ? {} : { property }),
  })

/** What a change is about, to be spread into it. The hosts are those of the doubles. */
export const onFile = on('file', 'host1')
export const onUnit = on('unit', 'compute15')
export const onParameter = on('kernel-parameter', 'host1')
export const onAct = on('act', 'host1')
export const onServer = on('server', '')
export const onService = on('service-record', '')
