import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { connect } from '../../../runner/connection/connect.ts'
import { connectLocal } from '../../../runner/connection/local.ts'
import { behavesLikeAConnection } from './contract.ts'

// Each installed shell that may be /bin/sh.
for (const shell of ['/bin/dash', '/bin/bash'].filter(existsSync)) {
  behavesLikeAConnection(`this machine by ${shell}`, async () =>
    connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env, shell }),
  )
}

test('one signal for many commands and reads: no warning, and all of them end', async () => {
  const warnings: unknown[] = []
  const note = (warning: unknown) => void warnings.push(warning)
  process.on('warning', note)
  const control = new AbortController()
  const connection = await connect({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env }, control.signal)
  const host = connection.as(undefined)
  await host.run(['true'])
  const reads = Array.from({ length: 30 }, () => host.read('/etc/passwd'))
  expect((await Promise.all(reads)).every((bytes) => bytes !== undefined)).toBe(true)
  const works = Array.from({ length: 15 }, () => host.run(['sleep', '60']).catch((error: unknown) => error))
  await host.read('/etc/passwd')
  const reason = new Error('stop')
  control.abort(reason)
  expect(new Set(await Promise.all(works))).toEqual(new Set([reason]))
  expect(await host.read('/etc/passwd').catch((error: unknown) => error)).toBe(reason)
  await connection.close()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', note)
  expect(warnings).toEqual([])
})
