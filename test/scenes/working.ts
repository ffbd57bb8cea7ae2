import { hostJob } from '../../runner/connection/job/job.ts'
import type { Endpoint } from '../../runner/connection/connection.ts'
import { connect } from '../../runner/connection/connect.ts'

/**
 * A runner that starts a job on a host, says `started`, and follows it until it is killed. Its one argument is JSON: `endpoint`, `sshConfig`,
 * `name`, `argv`.
 */
const { endpoint, sshConfig, name, argv } = JSON.parse(process.argv[2] ?? '') as {
  endpoint: Endpoint
  sshConfig: string
  name: string
  argv: string[]
}
const { signal } = new AbortController()
const connection = await connect(endpoint, { env: { PATH: process.env['PATH'] }, sshConfig }, signal)
const job = hostJob(
  async () => connection.as(undefined),
  name,
  { argv },
  {
    host: endpoint.name,
    signal,
    sleep: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
    progress: () => undefined,
  },
)
await job.start()
process.stdout.write('started\n')
await job.follow()
