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
        'Command line, split into words as a shell does. Quotes and backslashes work; a pipe, `>`, `*` or `$` is an error.',
    },
    argv: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', description: 'Word, passed on unchanged.' },
      description: 'Program and arguments as a list, instead of `cmd`. Safe for values with blanks and quotes.',
    },
    ...jobParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default defineModule({
  name: 'command',
  summary: 'Run a program, without a shell.',
  description:
    'The effect of a command is unknown beforehand, so the step counts as changed unless `creates` or `removes` skip the command. To decide after the run, use `changed_when`. To make the step undoable, give the task an `undo:`.',
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
    throw new Failure(cmd === undefined ? 'the command is missing' : '`cmd` and `argv` exclude each other', {
      kind: 'input',
      help: 'give `cmd` (command line) or `argv` (list of words)',
    })
  }
  const words = argv ?? readCommandLine(cmd ?? '')
  if (!words[0]) throw new Failure('the program is missing', { kind: 'input' })
  return { ...rest, argv: words, shown: showWords(words) }
}
