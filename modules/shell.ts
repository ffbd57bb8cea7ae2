import { defineModule, type ObjectSchema, type TypeOf } from '../runner/module.ts'
import { jobParams, jobReturns, planJob, runJob, type Job } from './lib/host/process.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['cmd'],
  properties: {
    cmd: { type: 'string', minLength: 1, description: 'Script.' },
    executable: {
      type: 'string',
      pattern: '^/',
      default: '/bin/sh',
      description: 'Shell that runs the script, called with `-c`.',
    },
    ...jobParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default defineModule({
  name: 'shell',
  summary: 'Run a script of one or more lines in a shell.',
  description:
    'If you need no pipe, redirection or pattern, prefer `command`: in a script, a value with a quote or a `;` is run as code. `/bin/sh` reports only the status of the last command of a pipe; with `executable: /bin/bash` a script can `set -o pipefail`.',
  params,
  returns: jobReturns,
  examples: [
    { name: 'A pipe', params: { cmd: 'virsh list --uuid | wc -l' } },
    {
      name: 'A pipe that fails if any of its commands fails',
      params: { cmd: 'set -o pipefail\nzcat /var/log/nova/nova-compute.log.1.gz | tail -n 100', executable: '/bin/bash' },
    },
  ],

  check: async (params, target) => planJob(jobOf(params), target),
  apply: async (params, _diff, target) => runJob(jobOf(params), target),
  verify: async () => [],
})

const jobOf = ({ cmd, executable, ...rest }: Params): Job => ({ ...rest, argv: [executable, '-c', cmd], shown: cmd })
