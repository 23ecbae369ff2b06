/** @file The integers of ggml's blocks, beside @arena/gguf's values of the same bytes. */
import { blockSize, dequantize } from '@arena/gguf';
import { BLOCK_TYPES, blockBytes, randomBlocks } from '@arena/quant/ops';
import { Mt19937 } from '@arena/random';
import { expect, test } from 'vitest';
import { codesOf, inFiveBits, inNibbles, isStoredType, layoutOf, wholeBlocks } from '../src/stored-blocks.js';

test.each(BLOCK_TYPES)('%s: scale (code - zero) + offset is the value', (type) => {
  expect(isStoredType(type)).toBe(true);
  const shape = [7, 3 * blockSize(type).values];
  const bytes = new Uint8Array(randomBlocks(type, shape, new Mt19937(3)).buffer, 0, blockBytes(type, shape));
  const { codes, scales, offsets } = codesOf(type, bytes);
  const { zero, group, bits, isHalf, hasMinima } = layoutOf(type);
  const values = dequantize(type, bytes);
  expect(codes.length).toBe(values.length);
  expect(offsets !== undefined).toBe(hasMinima);
  expect(Math.max(...codes)).toBeLessThan(2 ** bits);
  for (const [i, code] of codes.entries()) {
    const place = Math.floor(i / group);
    expect(Math.fround(scales[place] * (code - zero) + (offsets?.[place] ?? 0)) - values[i]).toBe(0);
  }
  // eleven bits of a float16, and none below them
  if (isHalf)
    for (const scale of scales)
      expect(scale && scale % 2 ** (Math.floor(Math.log2(Math.abs(scale))) - 10)).toBe(scale < 0 ? -0 : 0);
});

test('types without whole codes are not taken', () => {
  expect(['F16', 'IQ4_NL', 'Q2_K', 'constructor'].filter(isStoredType)).toEqual([]);
});

test('codes are packed so that they can be taken apart', () => {
  const codes = Uint8Array.from({ length: 96 }, (_, i) => (7 * i + 3) % 32);
  const { low, fifth } = inFiveBits(codes);
  const back = Array.from(codes, (_, i) => {
    const block = i >> 5;
    const nibble = (low[16 * block + (i & 15)] >> (i & 16 ? 4 : 0)) & 15;
    return nibble | (((fifth[i >> 3] >> (i & 7)) & 1) << 4);
  });
  expect(back).toEqual([...codes]);
  expect([...inNibbles(Uint8Array.of(1, 2, 15, 0))]).toEqual([0x21, 0x0f]);
});

test('parts of a file become parts of whole blocks', async () => {
  const bytes = Uint8Array.from({ length: 34 * 5 }, (_, i) => i);
  async function* parts() {
    for (let i = 0; i < bytes.length; i += 20) yield bytes.subarray(i, i + 20);
  }
  const all: Uint8Array[] = [];
  for await (const part of wholeBlocks('Q8_0', parts())) all.push(part);
  expect(all.every(({ length }) => length > 0 && length % 34 === 0)).toBe(true);
  expect(all.flatMap((part) => [...part])).toEqual([...bytes]);
});
