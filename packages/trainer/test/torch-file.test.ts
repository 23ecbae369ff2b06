import { readFile } from 'node:fs/promises';
import { bytesSource } from '@arena/files';
import { openSafetensors } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { describe, expect, test } from 'vitest';
import {
  Float,
  type Pickled,
  type PickledDict,
  type PickledTensor,
  readPickle,
  Tuple,
  writePickle,
} from '../src/pickle.js';
import { readTorchFile, tensorValues, writeTorchFile } from '../src/torch-file.js';

const FIXTURES = new URL('fixtures/', import.meta.url);
const golden = (name: string) => readFile(new URL(name, FIXTURES));

const isTensor = (value: Pickled): value is PickledTensor =>
  typeof value === 'object' && value !== null && 'kind' in value;

/** Numbers that Python holds as floats, by where they stand in an optimizer's state. */
function withFloats(value: Pickled, key = ''): Pickled {
  if (typeof value === 'number' && ['lr', 'eps', 'weight_decay', 'initial_lr', 'betas'].includes(key)) {
    return new Float(value) as never;
  }
  if (value instanceof Tuple) return new Tuple(value.items.map((item) => withFloats(item, key)));
  if (Array.isArray(value)) return value.map((item) => withFloats(item, key));
  if (value instanceof Map) return new Map([...value].map(([name, item]) => [name, withFloats(item, String(name))]));
  return value;
}

describe('torch files', () => {
  test("reads the tensors of torch's optimizer.pt", async () => {
    const file = readTorchFile(await golden('hf-checkpoint/optimizer.pt'));
    const want = await openSafetensors(bytesSource(await golden('optimizer_state.safetensors')));
    const state = (file.value as PickledDict).get('state') as PickledDict;
    expect(state.size).toBe(43);
    let compared = 0;
    for (const [index, entry] of state) {
      for (const [name, tensor] of entry as PickledDict) {
        if (!isTensor(tensor)) throw new Error(`${index}.${name} is no tensor`);
        const key = want.names().find((one) => one === `${index}.${name}`);
        if (!key) continue;
        expect([...tensorValues(file, tensor)]).toEqual([...toFloat32(await want.read(key))]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThanOrEqual(86);
  });

  test('writes the bytes that torch.save wrote, up to its serialization id', async () => {
    const bytes = await golden('hf-checkpoint/optimizer.pt');
    const file = readTorchFile(bytes);
    const written = writeTorchFile('optimizer', { ...file, value: withFloats(file.value) });
    const end = bytes.indexOf('optimizer/.data/serialization_id') - 30;
    expect(end).toBeGreaterThan(100_000);
    expect(Buffer.from(written).indexOf(bytes.subarray(0, end))).toBe(0);
    expect(readTorchFile(written).value).toEqual(file.value);
  });

  test("reads the scheduler's state", async () => {
    const { value } = readTorchFile(await golden('hf-checkpoint/scheduler.pt'));
    const state = value as PickledDict;
    expect(state.get('last_epoch')).toBe(15);
    expect(state.get('base_lrs')).toEqual([0.002, 0.002]);
  });

  test.each([
    ['a call of another name', 'cos\nsystem\n(X\x02\x00\x00\x00idtR.', /os\.system.*is not called here/],
    ['an import alone, built upon', '}cposix\nsystem\n)\x81.', /opcode 0x81/],
    ['an empty stack', 'a.', /empty stack|no list/],
    ['a forgotten memo', 'h\x07.', /nothing is remembered as 7/],
    ['an early end', 'X\xff\x00\x00\x00abc', /ends at byte/],
  ])('refuses %s', (_, text, message) => {
    expect(() => readPickle(Uint8Array.from(`\x80\x02${text}`, (c) => c.charCodeAt(0)))).toThrow(message);
  });

  test('damaged archives give one error, whatever byte is wrong', async () => {
    const bytes = await golden('hf-checkpoint/scheduler.pt');
    let state = 1;
    const random = (below: number) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
    for (let turn = 0; turn < 1000; turn++) {
      const damaged = Uint8Array.from(bytes.subarray(0, turn % 3 ? bytes.length : random(bytes.length)));
      for (let i = 0; i < 4 && damaged.length; i++) damaged[random(damaged.length)] = random(256);
      try {
        readTorchFile(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(TypeError);
      }
    }
  });

  test('long lists are written in groups of a thousand, as Python does', () => {
    const list = Array.from({ length: 2001 }, (_, i) => i);
    const bytes = writePickle(list);
    expect(readPickle(bytes)).toEqual(list);
    expect(bytes.filter((byte, i) => byte === 0x65 && bytes[i + 1] === 0x28)).toHaveLength(1);
  });
});
