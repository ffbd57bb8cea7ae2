import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Frame, frameReader } from '../../../../runner/connection/shell/frames.ts'

const nonce = 'n'.repeat(32)

/** Output as the host program would write it. */
const encode = ({ words, sections }: Frame): Buffer =>
  Buffer.concat([Buffer.from(`${nonce} ${words.join(' ')}\n`), ...sections.flatMap((section) => [section, Buffer.from(nonce)])])

function read(stream: Buffer, cuts: readonly number[] = []): Frame[] {
  const frames: Frame[] = []
  const push = frameReader(nonce, (frame) => frames.push(frame))
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length]
  for (let index = 1; index < places.length; index++) push(stream.subarray(places[index - 1], places[index]))
  return frames
}

const section = fc
  .oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    // Nearly the nonce, and one letter short of it at the end.
    fc
      .array(fc.constantFrom('n'.repeat(31), 'n', '\n', `${'n'.repeat(20)}\n`, ' d 1 0\n'), { maxLength: 5 })
      .map((parts) => Buffer.from(`${parts.join('x')}x`)),
  )
  .filter((bytes) => !bytes.includes(nonce) && bytes.at(-1) !== 'n'.charCodeAt(0))
const frame = fc.oneof(
  fc.record({ words: fc.constantFrom(['e'], ['!', 'no', 'room']), sections: fc.constant([]) }),
  fc.record({ words: fc.constantFrom(['l', '1+']), sections: fc.tuple(section) }),
  fc.record({ words: fc.constantFrom(['d', '1', '0'], ['r', '1+', '2-'], ['s']), sections: fc.tuple(section, section) }),
)

test('any frames, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
      expect(read(Buffer.concat(frames.map(encode)), cuts)).toEqual(frames)
    }),
  )
})

test('byte by byte', () => {
  const frames: Frame[] = [
    { words: ['d', '7', '1'], sections: [Buffer.from('out'), Buffer.alloc(0)] },
    { words: ['e'], sections: [] },
  ]
  const stream = Buffer.concat(frames.map(encode))
  expect(read(stream, Array.from(stream.keys()))).toEqual(frames)
})

test('half a frame is no frame', () => {
  const stream = encode({ words: ['d', '1', '0'], sections: [Buffer.from('out'), Buffer.from('err')] })
  expect(read(stream.subarray(0, -1))).toEqual([])
})

test('what is no frame is an error that shows it, without the nonce', () => {
  expect(() => read(Buffer.from('Killed\n'))).toThrow('unexpected output: "Killed\\n"')
  expect(() => read(Buffer.from(`${nonce} unknown\n`))).toThrow('unexpected output: "… unknown\\n"')
  expect(() => read(Buffer.alloc(70_000, 'x'))).toThrow('unexpected output')
})
