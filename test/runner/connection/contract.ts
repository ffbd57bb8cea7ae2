import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { Connection, HostAccess } from '../../../runner/connection/connection.ts'
import { Failure } from '../../../runner/base/failure.ts'
import { runsCommands } from './contract-commands.ts'
import { handlesFiles } from './contract-files.ts'
import type { Subject } from './contract-subject.ts'

/** The contract of every connection to this machine, by ssh or local. */
export function behavesLikeAConnection(name: string, open: () => Promise<Connection>): void {
  describe(name, { timeout: 120_000 }, () => {
    let connection: Connection
    let host: HostAccess
    let folder: string
    beforeAll(async () => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')))
      connection = await open()
      host = connection.as(undefined)
    })
    afterAll(async () => {
      await connection.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const subject: Subject = {
      get connection() {
        return connection
      },
      get host() {
        return host
      },
      get folder() {
        return folder
      },
      path: (file) => join(folder, file),
      sh: (script, options = {}) => host.run(['sh', '-c', script], options),
      async failure(work) {
        const error = await work.then(
          () => new Error('it was not refused'),
          (reason: unknown) => reason,
        )
        expect(error).toBeInstanceOf(Failure)
        return error as Failure
      },
    }
    runsCommands(subject)
    handlesFiles(subject)
  })
}
