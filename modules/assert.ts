import { defineModule, Failure } from '../runner/module.ts'

export default defineModule({
  name: 'assert',
  summary: 'Stop with an error unless every condition holds.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['that'],
    properties: {
      that: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', minLength: 1, format: 'expression', description: 'Condition, as in `when`.' },
        description: 'Conditions that must all hold: a list, or a single one. Evaluation stops at the first that fails.',
      },
      fail_msg: { type: 'string', description: 'Error message. Default: the condition that failed.' },
      success_msg: { type: 'string', description: 'Message to show when every condition holds.' },
      quiet: { type: 'boolean', default: false, description: 'Show nothing when every condition holds.' },
    },
  },
  scope: 'api',
  returns: { msg: '`success_msg`, unless `quiet` is set.' },
  examples: [
    {
      name: 'At least one server was found',
      params: { that: ['size(found.servers) > 0'], fail_msg: 'No server on {{ source }}' },
    },
    { name: 'Two conditions', params: { that: ["source != ''", 'source != target'], quiet: true } },
  ],

  async check({ that, fail_msg, success_msg, quiet }, target) {
    const broken = that.find((condition) => !target.evaluate(condition))
    if (broken !== undefined) throw failed(broken, fail_msg)
    const said = quiet || success_msg === undefined ? {} : { msg: success_msg }
    return { changes: [], before: undefined, result: said, ...(said.msg === undefined ? {} : { message: said.msg }) }
  },
})

const failed = (condition: string, message: string | undefined): Failure =>
  new Failure(message ?? `the condition \`${condition}\` does not hold`, {
    why: message === undefined ? undefined : `the condition \`${condition}\` does not hold`,
    data: { assertion: condition, evaluated_to: false, ...(message === undefined ? {} : { msg: message }) },
  })
