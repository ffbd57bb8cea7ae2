import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { connect } from '../../../runner/connection/connect.ts'
import { endpointFrom } from '../../../runner/connection/endpoint.ts'

/** Returns true if Node has loaded a CommonJS package. node-ssh is an ES module, and loads ssh2. */
const loaded = (name: string): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes(`/node_modules/${name}/`))

test('SSH is loaded when the first host needs it, and not before', async () => {
  const here = await connect(endpointFrom('localhost', {}), { env: process.env })
  expect((await here.as(undefined).run(['echo', 'here'])).stdout).toBe('here\n')
  await here.close()
  expect(loaded('ssh2')).toBe(false)
  const nowhere = endpointFrom('nowhere', { ansible_host: '127.0.0.1', ansible_port: 1, ansible_user: 'nobody' })
  await expect(connect(nowhere, { env: { PATH: '/nowhere' } })).rejects.toMatchObject({
    kind: 'unreachable',
    why: expect.stringContaining('ECONNREFUSED'),
  })
  expect(loaded('ssh2')).toBe(true)
})
