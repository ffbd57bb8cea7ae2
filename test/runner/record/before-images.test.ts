import { expect, test } from 'vitest'
import { openBeforeImages, readBeforeImage } from '../../../runner/record/before-images.ts'
import { fakeWorld } from '../../doubles/world.ts'

const RUN = '1MNCRE0PMS'
const step = {
  key: '0/a',
  task: '0',
  host: 'a',
  name: 'one',
  module: 'set',
  place: { file: 'p.yml', line: 1, column: 1, length: 1 },
}
const read = (world: ReturnType<typeof fakeWorld>, name: string) => readBeforeImage(world, RUN, name, step)

async function kept(...texts: string[]) {
  const world = fakeWorld()
  const images = await openBeforeImages(world, RUN)
  const names = await Promise.all(texts.map((text) => images.add(text)))
  return { world, names, blobs: [...world.disk.keys()].filter((path) => path.includes('/blobs/')) }
}

test('what was kept comes back, in a later life of the run too', async () => {
  const { world, names } = await kept('größer → 🙂', '', 'x'.repeat(1_000_000))
  const later = await openBeforeImages(world, RUN)
  names.push(await later.add('later'))
  const texts = await Promise.all(names.map((name) => read(world, name)))
  expect(texts).toEqual(['größer → 🙂', '', 'x'.repeat(1_000_000), 'later'])
})

test('the same text has the same name, in this run and in no other', async () => {
  const { names, blobs } = await kept('sesame', 'sesame', 'other')
  expect(names[0]).toBe(names[1])
  expect(blobs).toHaveLength(2)
  expect((await kept('sesame')).names[0]).not.toBe(names[0])
})

test('nothing of it can be read without the key, and the key is not in the run’s folder', async () => {
  const { world, names } = await kept('password = sesame')
  for (const content of world.disk.values()) expect(new TextDecoder().decode(content)).not.toContain('sesame')
  world.disk.delete(`/project/.runbook/keys/${RUN}`)
  await expect(read(world, names[0]!)).rejects.toMatchObject({
    kind: 'input',
    message: 'the before-image of one on a cannot be read',
    why: `its key .runbook/keys/${RUN} is missing`,
  })
})

test('one that is missing, cut short or changed by a bit is refused', async () => {
  const { world, names, blobs } = await kept('password = sesame')
  const path = blobs[0]!
  const whole = world.disk.get(path)!
  for (const bit of [0, 13, whole.length - 1]) {
    world.disk.set(path, whole.with(bit, whole[bit]! ^ 1))
    await expect(read(world, names[0]!)).rejects.toThrow('cannot be read')
  }
  for (const length of [0, 5, 20, whole.length - 1]) {
    world.disk.set(path, whole.subarray(0, length))
    await expect(read(world, names[0]!)).rejects.toMatchObject({ why: expect.stringContaining('is damaged') })
  }
  world.disk.delete(path)
  await expect(read(world, names[0]!)).rejects.toMatchObject({ why: expect.stringContaining('is missing') })
})
