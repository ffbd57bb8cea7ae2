import { defineModule, Failure, showWords, type ObjectSchema, type TypeOf } from '../runner/module.ts'
import { jobParams, jobReturns, planJob, runJob, type Job } from './lib/host/process.ts'
import { readCommandLine } from './lib/text/command-line.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  properties: {
    cmd: {
      type: 'string',
      minLength: 1,
      description:
        'The command line, split into words as a shell does, quotes and backslashes included; a pipe, `>`, `*` or `$` is refused.',
    },
    argv: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', description: 'A word, passed on as it is.' },
      description: 'The program and its arguments as a list, instead of `cmd`: safe for values with blanks and quotes.',
    },
    ...jobParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

/** Runs one program, without a shell. */
export default defineModule({
  name: 'command',
  summary: 'Run a program, without a shell.',
  description:
    'What a command changes cannot be known before, so it always counts as a change unless `creates` or `removes` say otherwise; `changed_when` decides after it ran. Give an `undo:` to the task where it can be taken back.',
  params,
  returns: jobReturns,
  examples: [
    { name: 'A program with its arguments', params: { cmd: 'virsh domjobinfo {{ item.instance_name }}' } },
    { name: 'Values with blanks in them', params: { argv: ['virsh', 'desc', '{{ name }}', '--new-desc', '{{ text }}'] } },
    {
      name: 'Only once',
      params: { cmd: 'ssh-keygen -q -t ed25519 -N "" -f id_ed25519', chdir: '/var/lib/nova/.ssh', creates: 'id_ed25519' },
    },
  ],

  validate: (params) => void jobOf(params),
  check: async (params, target) => planJob(jobOf(params), target),
  apply: async (params, _diff, target) => runJob(jobOf(params), target),
  verify: async () => [],
})

function jobOf({ cmd, argv, ...rest }: Params): Job {
  if ((cmd === undefined) === (argv === undefined)) {
    throw new Failure(cmd === undefined ? 'there is nothing to run' : '`cmd` and `argv` exclude each other', {
      kind: 'input',
      todo: 'give `cmd` (a command line) or `argv` (a list of words)',
    })
  }
  const words = argv ?? readCommandLine(cmd ?? '')
  if (!words[0]) throw new Failure('the command has no program', { kind: 'input' })
  return { ...rest, argv: words, shown: showWords(words) }
}
