/** `nova_service`: the contract, somebody else's reason, waiting until it is up. */
import { describe, expect, test } from 'vitest'
import novaService from '../../modules/nova_service.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { apply, check, cloudTarget, failureOf, filled, targetOf } from '../doubles/cloud-target.ts'
import { onService } from '../doubles/address.ts'

const disabled = { hosts: { compute14: { disabled: true } } }

behavesLikeAModule(
  novaService,
  {
    name: 'disable, with a reason',
    params: filled(novaService, { host: 'compute14', state: 'disabled', reason: 'new memory' }),
    target: cloudTarget,
  },
  { name: 'disable, without one', params: filled(novaService, { host: 'compute14', state: 'disabled' }), target: cloudTarget },
  { name: 'enable', params: filled(novaService, { host: 'compute14', state: 'enabled' }), target: () => cloudTarget(disabled) },
  {
    name: 'give a disabled one a reason',
    params: filled(novaService, { host: 'compute14', state: 'disabled', reason: 'why' }),
    target: () => cloudTarget(disabled),
  },
  { name: 'mark as down', params: filled(novaService, { host: 'compute14', forced_down: true }), target: cloudTarget },
)

const changes = async (params: Record<string, unknown>, target: Awaited<ReturnType<typeof cloudTarget>>) =>
  (await check(novaService, params, target)).changes

describe('what somebody else has set', () => {
  test('a reason that is there is kept where none is given', async () => {
    const target = await cloudTarget()
    await apply(novaService, { host: 'compute14', state: 'disabled', reason: 'bad RAM' }, target)
    expect(await changes({ host: 'compute14', state: 'disabled' }, target)).toEqual([])
    expect(await changes({ host: 'compute14', state: 'disabled', reason: 'mine' }, target)).toEqual([
      { ...onService('nova-compute on compute14', 'status'), before: 'disabled (bad RAM)', after: 'disabled (mine)' },
    ])
  })

  test('undo leaves a host disabled that was disabled, with its reason', async () => {
    const target = await cloudTarget()
    await apply(novaService, { host: 'compute14', state: 'disabled', reason: 'bad RAM' }, target)
    const params = filled(novaService, { host: 'compute14', state: 'enabled' })
    const diff = await novaService.check(params, target)
    await novaService.apply!(params, diff, target)
    expect(target.simulated.compute('compute14').disabled).toBe(false)
    await novaService.undo!(params, JSON.parse(JSON.stringify(diff.before)), target)
    expect(target.simulated.compute('compute14')).toMatchObject({ disabled: true, disabledReason: 'bad RAM' })
  })

  test('nothing is asked, nothing is changed', async () => {
    expect(await changes({ host: 'compute14' }, await cloudTarget(disabled))).toEqual([])
  })
})

describe('waiting until it is up', () => {
  test('a service that is up needs no waiting', async () => {
    expect(await changes({ host: 'compute14', state: 'enabled', wait_up: 60 }, await cloudTarget())).toEqual([])
  })

  test('a service that comes up', async () => {
    const target = await cloudTarget()
    const silence = target.simulated.serviceDown('compute14')
    expect(await changes({ host: 'compute14', wait_up: 60 }, target)).toEqual([
      { ...onService('nova-compute on compute14', 'state'), before: 'down', after: 'up, within 1 min' },
    ])
    const applied = apply(novaService, { host: 'compute14', wait_up: 600 }, target)
    await target.simulated.clock.sleep(5)
    silence.up()
    expect(await applied).toMatchObject({ state: 'up' })
    expect(target.progressed[0]?.note).toBe('nova-compute on compute14 is down')
  })

  test('a service that does not: when Nova last heard of it', async () => {
    const target = await cloudTarget()
    target.simulated.serviceDown('compute14')
    const failure = await failureOf(apply(novaService, { host: 'compute14', wait_up: 5 }, target))
    expect(failure.kind).toBe('timeout')
    expect(failure.message).toBe('nova-compute on compute14 is still down after 5 s')
    expect(failure.why).toMatch(/^Nova last heard of it at 20\d\d-/)
  })

  test('it is stopped when the operator stops the run', async () => {
    const target = await cloudTarget()
    target.simulated.serviceDown('compute14')
    const applied = failureOf(apply(novaService, { host: 'compute14', wait_up: 6000 }, target))
    await target.simulated.clock.sleep(5)
    target.stop()
    expect((await applied).kind).toBe('interrupted')
  })
})

describe('errors', () => {
  test.each([
    [{ host: 'compute41' }, 'no host `compute41` runs `nova-compute`; did you mean `compute14`?', /compute14, compute15/],
    [
      { host: 'compute14', binary: 'nova-computer' },
      'no `nova-computer` on compute14; did you mean `nova-compute`?',
      /nova-compute/,
    ],
    [{ host: 'compute14', state: 'enabled', reason: 'x' }, '`reason` needs `state: disabled`', /remove/],
  ])('%j', async (params, message, help) => {
    const failure = await failureOf(check(novaService, params, await cloudTarget()))
    expect(failure.kind).toBe('input')
    expect(failure.message).toBe(message)
    expect(failure.help).toMatch(help)
  })

  test('without the admin role: what Nova says', async () => {
    const target = await cloudTarget({}, { as: 'demo-member' })
    const failure = await failureOf(check(novaService, { host: 'compute14' }, target))
    expect(failure.data?.['status']).toBe(403)
  })

  test('two operators: the second finds what the first did', async () => {
    const target = await cloudTarget()
    await apply(novaService, { host: 'compute14', state: 'disabled', reason: 'first' }, target)
    expect(await changes({ host: 'compute14', state: 'disabled' }, targetOf(target.simulated))).toEqual([])
  })
})
