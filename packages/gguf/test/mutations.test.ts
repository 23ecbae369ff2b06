/** @file 1,000 damaged files: a GgufError or a right reading, no range beyond the file, no allocation beyond its size. */
import { type ByteSource, bytesSource, FileError } from '@arena/files';
import { GgufError, ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import { expect, test } from 'vitest';
import { tinyPairs, tinyTensors } from './tiny-model.js';
import { writeGguf } from './write-gguf.js';

/** Whole numbers below a bound, from a seed. */
function draws(seed: number): (below: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const WORDS = ['x', 'wörter', '▁and', '<bos>', ''];
const file = writeGguf({
  pairs: [
    ...tinyPairs('gemma3', { 'attention.sliding_window': ['u32', 4] }),
    ['general.alignment', 'u32', 32],
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.tokens', ['string'], WORDS],
    ['tokenizer.ggml.scores', ['f32'], [0, -1, -2, -3, -4]],
    ['tokenizer.ggml.token_type', ['i32'], [1, 1, 1, 3, 2]],
  ],
  tensors: [...tinyTensors('gemma3'), { name: 'v.q', type: 12, shape: [2, 256], data: new Uint8Array(288).fill(77) }],
});
/** About where the tensors' bytes begin. */
const HEADER_BYTES = 2400;

/** Numbers that lengths, counts, types and offsets may be changed to. */
const LENGTHS = [
  0n,
  1n,
  7n,
  33n,
  255n,
  2n ** 16n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** A copy with one to three changes: bits, whole 64-bit and 32-bit numbers, cuts, bytes left out or doubled. */
function damage(seed: number): Uint8Array {
  const draw = draws(seed);
  let out = file.slice();
  for (let changes = 1 + draw(3); changes > 0; changes--) {
    const at = draw(draw(4) ? Math.min(out.length, HEADER_BYTES) : out.length);
    switch (draw(6)) {
      case 0:
      case 1:
        out[at] ^= 1 << draw(8);
        break;
      case 2:
        if (at + 8 <= out.length) new DataView(out.buffer).setBigUint64(at, LENGTHS[draw(LENGTHS.length)], true);
        break;
      case 3:
        if (at + 4 <= out.length) new DataView(out.buffer).setUint32(at, Number(LENGTHS[draw(8)]), true);
        break;
      case 4:
        out = out.slice(0, at);
        break;
      default: {
        const length = 1 + draw(16);
        const rest = draw(2) ? out.subarray(at + length) : out.subarray(Math.max(0, at - length));
        out = Uint8Array.from([...out.subarray(0, at), ...rest]);
      }
    }
  }
  return out;
}

/** Opens and reads everything there is; what is refused after the header counts as read. */
async function readAll(bytes: Uint8Array): Promise<'read' | 'refused'> {
  let asked = 0;
  const source: ByteSource = {
    size: bytes.length,
    name: 'damaged.gguf',
    async read(begin, end) {
      if (!(begin >= 0 && begin <= end && end <= bytes.length))
        throw new FileError('argument', `read ${begin} to ${end}`, 'damaged');
      asked += end - begin;
      return bytes.slice(begin, end);
    },
  };
  const refused = (error: unknown) => {
    if (!(error instanceof GgufError)) throw error;
    expect(error.message.length).toBeLessThan(1000);
  };
  const opened = await openGguf(source).catch(refused);
  expect(asked).toBeLessThanOrEqual(bytes.length);
  if (!opened) return 'refused';
  for (const [name, tensor] of opened.tensors) {
    const values = await opened.readFloat32(name).catch(refused);
    if (values) expect(values.length).toBe(tensor.shape.reduce((product, size) => product * size, 1));
  }
  for (const value of opened.metadata.values())
    if (typeof value === 'object') expect([...value].length).toBe(value.length);
  await ggufWeights(opened).catch(refused);
  for (const use of [() => ggufConfig(opened.metadata, opened.tensors), () => ggufTokenizerFields(opened.metadata)]) {
    try {
      use();
    } catch (error) {
      refused(error);
    }
  }
  return 'read';
}

test('1,000 damaged files', async () => {
  expect(await readAll(file)).toBe('read');
  const { tensors } = await openGguf(bytesSource(file));
  expect(Math.abs(tensors.get('token_embd.weight')!.offset - HEADER_BYTES)).toBeLessThan(300);
  const before = process.memoryUsage().arrayBuffers;
  let read = 0;
  let most = 0;
  for (let seed = 0; seed < 1000; seed++) {
    if ((await readAll(damage(seed))) === 'read') read++;
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(read).toBeGreaterThan(50); // changed values, names of metadata, numbers that still can be
  expect(read).toBeLessThan(700);
  expect(most).toBeLessThan(200e6); // of 1,000 files of 20 KB together, without a collection in between
});
