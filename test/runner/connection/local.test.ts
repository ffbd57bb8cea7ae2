import { existsSync } from 'node:fs'
import { connectLocal } from '../../../runner/connection/local.ts'
import { behavesLikeAConnection } from './contract.ts'

// Each shell that /bin/sh may be, where it is installed.
for (const shell of ['/bin/dash', '/bin/bash', '/bin/busybox'].filter(existsSync)) {
  behavesLikeAConnection(`this machine by ${shell}`, async () =>
    connectLocal({ name: 'here', kind: 'local', address: 'localhost' }, { env: process.env, shell }),
  )
}
