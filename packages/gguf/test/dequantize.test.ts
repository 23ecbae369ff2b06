/** @file Blocks of every decoded type beside gguf-py's float32, in full and by rows. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bytesSource } from '@arena/files';
import { blockSize, dequantize, type GgmlType, GgufError, openGguf } from '@arena/gguf';
import { openSafetensors } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';
import { writeGguf } from './write-gguf.js';

const BLOCKS = fileURLToPath(new URL('../../conformance/fixtures/gguf/blocks/', import.meta.url));

test("15 types are bit for bit gguf-py's", async () => {
  const { tensors } = JSON.parse(await readFile(`${BLOCKS}case.json`, 'utf8'));
  const file = await openGguf(`${BLOCKS}blocks.gguf`);
  const expected = await openSafetensors(bytesSource(await readFile(`${BLOCKS}expected.safetensors`)));
  expect(tensors).toHaveLength(15);
  for (const { tensor, type, shape } of tensors as { tensor: string; type: GgmlType; shape: number[] }[]) {
    expect(file.tensors.get(tensor)).toMatchObject({ type, shape });
    const want = toFloat32(await expected.read(tensor));
    const bits = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
    expect(bits(await file.readFloat32(tensor)), tensor).toEqual(bits(want));
    const [, width] = shape;
    expect(bits(await file.readFloat32(tensor, [1, 3])), tensor).toEqual(bits(want.slice(width, 3 * width)));
  }
  await file.close();
});

test('blocks at an odd address, into the middle of an array', () => {
  const shifted = new Uint8Array(35);
  shifted.set([0x00, 0x3c, 1, 2, 255], 1); // d = 1
  const out = new Float32Array(40).fill(7);
  expect(dequantize('Q8_0', shifted.subarray(1), out, 4)).toBe(out);
  expect([...out.subarray(3, 9)]).toEqual([7, 1, 2, -1, 0, 0]);
  expect(out[36]).toBe(7);
});

test('half precision: subnormal, infinite and no number', () => {
  const halves = Uint16Array.of(0x0001, 0x8001, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000);
  const values = dequantize('F16', new Uint8Array(halves.buffer));
  expect([...values]).toEqual([2 ** -24, -(2 ** -24), 65504, Infinity, -Infinity, NaN, -0]);
});

test('a type that is not decoded is refused by name, with what to do', async () => {
  expect(() => dequantize('IQ2_XXS', new Uint8Array(66))).toThrow(
    /stored as IQ2_XXS, which is not decoded here .*llama-quantize/,
  );
  const bytes = writeGguf({ tensors: [{ name: 'w', type: 16, shape: [1, 256], data: new Uint8Array(66) }] });
  const file = await openGguf(bytesSource(bytes, 'm.gguf'));
  const error = await file.readFloat32('w').catch((reason) => reason);
  expect(error).toBeInstanceOf(GgufError);
  expect(error).toMatchObject({ code: 'type', tensor: 'w', file: 'm.gguf' });
});

test('bytes that are no whole blocks, or do not fit', () => {
  expect(() => dequantize('Q4_K', new Uint8Array(143))).toThrow(/143 bytes are no whole number of blocks of Q4_K/);
  expect(() => dequantize('Q8_0', new Uint8Array(34), new Float32Array(32), 1)).toThrow(/do not fit an array of 32/);
  expect(blockSize('Q6_K')).toEqual({ values: 256, bytes: 210 });
});
