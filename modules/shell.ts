import { defineModule, type ObjectSchema, type TypeOf } from '../runner/module.ts'
import { jobParams, jobReturns, planJob, runJob, type Job } from './lib/host/process.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['cmd'],
  properties: {
    cmd: { type: 'string', minLength: 1, description: 'The script.' },
    executable: { type: 'string', pattern: '^/', default: '/bin/sh', description: 'The shell that runs it, called with `-c`.' },
    ...jobParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

/** Runs a script of a line or more by a shell. */
export default defineModule({
  name: 'shell',
  summary: 'Run a script of one line or more by a shell.',
  description:
    'Prefer `command` where no pipe, redirection or pattern is needed: a value that holds a quote or a `;` becomes part of the script here. `/bin/sh` looks only at the status of the last command of a pipe; with `executable: /bin/bash` a script can `set -o pipefail`.',
  params,
  returns: jobReturns,
  examples: [
    { name: 'A pipe', params: { cmd: 'virsh list --uuid | wc -l' } },
    {
      name: 'A pipe that fails with any of its parts',
      params: { cmd: 'set -o pipefail\nzcat /var/log/nova/nova-compute.log.1.gz | tail -n 100', executable: '/bin/bash' },
    },
  ],

  check: async (params, target) => planJob(jobOf(params), target),
  apply: async (params, _diff, target) => runJob(jobOf(params), target),
  verify: async () => [],
})

const jobOf = ({ cmd, executable, ...rest }: Params): Job => ({ ...rest, argv: [executable, '-c', cmd], shown: cmd })
