/** @file Integers of matrices: how far a value can be from what stands for it, in float64. */

import { fromFloat32, toFloat32 } from '@arena/safetensors/tensor';
import fc from 'fast-check';
import { PbfReader } from 'pbf';
import { expect, test } from 'vitest';
import { nodeBytes, tensorBytes } from '../src/proto.js';
import { BLOCK, toBytes, toNibbles, toRows, transposed } from '../src/weight-kinds.js';

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer(), fc.constantFrom(1, 1e-6, 1e3))
  .map(([rows, blocks, seed, size]) => {
    const values = Float32Array.from(
      { length: rows * blocks * BLOCK },
      (_, i) => size * Math.sin(i * i + seed) * (i % 7 === 0 ? 3 : 1),
    );
    return { rows, columns: blocks * BLOCK, values };
  });

test('8 bits: within half a step of the largest entry of the block', () => {
  fc.assert(
    fc.property(matrix, ({ values }) => {
      const { codes, scales } = toBytes(values);
      for (const [i, value] of values.entries()) {
        const scale = scales[Math.floor(i / BLOCK)];
        expect(Math.abs((codes[i] - 128) * scale - value)).toBeLessThanOrEqual(0.5001 * scale);
      }
    }),
  );
});

test('4 bits: no worse than rounding to 15 steps of the range, in the squared error of each block; all float16', () => {
  fc.assert(
    fc.property(matrix, ({ values }) => {
      const { codes, scales, offsets } = toNibbles(values);
      expect(toFloat32({ dtype: 'F16', data: fromFloat32(scales, 'F16') })).toEqual(scales);
      expect(toFloat32({ dtype: 'F16', data: fromFloat32(offsets, 'F16') })).toEqual(offsets);
      for (let block = 0; block < scales.length; block++) {
        let [error, low, high] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
          error += (scales[block] * (codes[i] - 8) + offsets[block] - values[i]) ** 2;
          low = Math.min(low, values[i]);
          high = Math.max(high, values[i]);
        }
        // half a step each, and what float16 loses of scale and offset: 2^-11 of their size, and 2^-25
        const most = (high - low) / 30 + 2 ** -10 * Math.max(high, -low) + 2 ** -21;
        expect(error).toBeLessThanOrEqual(BLOCK * most ** 2);
      }
    }),
  );
});

test('4 bits: a line of 16 values is itself, whatever its offset', () => {
  const values = Float32Array.from({ length: BLOCK }, (_, i) => 0.25 + ((7 * i) % 16) / 64);
  const { codes, scales, offsets } = toNibbles(values);
  expect([scales[0], offsets[0]]).toEqual([1 / 64, 0.25 + 8 / 64]);
  expect([...codes]).toEqual(Array.from(values, (_, i) => (7 * i) % 16));
});

test('rows of the embedding, and zeros alone', () => {
  fc.assert(
    fc.property(matrix, ({ columns, values }) => {
      const { codes, scales } = toRows(values, columns);
      for (const [i, value] of values.entries()) {
        const scale = scales[Math.floor(i / columns)];
        expect(Math.abs(codes[i] * scale - value)).toBeLessThanOrEqual(0.5001 * scale);
      }
    }),
  );
  const none = new Float32Array(BLOCK);
  expect(toBytes(none)).toEqual({ codes: new Uint8Array(BLOCK).fill(128), scales: new Float32Array(1) });
  expect(toNibbles(none).codes).toEqual(new Uint8Array(BLOCK).fill(8));
  expect(toRows(none, BLOCK).codes).toEqual(new Int8Array(BLOCK));
});

test('transposed', () => {
  expect([...transposed(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
});

/** Fields of a message by number. */
function fieldsOf(bytes: Uint8Array): [number, unknown][] {
  const reader = new PbfReader(bytes);
  const fields: [number, unknown][] = [];
  reader.readFields((tag, _, pbf) => {
    fields.push([
      tag,
      pbf.type === 2
        ? new TextDecoder().decode(pbf.readBytes())
        : pbf.type === 5
          ? pbf.readFloat()
          : pbf.readVarint(true),
    ]);
  }, null);
  return fields;
}

test('a node and a tensor have the fields of onnx.proto3', () => {
  const node = nodeBytes({ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: -1 } });
  expect(fieldsOf(node).slice(0, 4)).toEqual([
    [1, 'x'],
    [2, 'y'],
    [3, 'y'],
    [4, 'Softmax'],
  ]);
  const tensor = tensorBytes({ name: 'w', element: 'float16', shape: [2, 3], bytes: 12 });
  // dims, data_type FLOAT16, name, and the tag of raw_data with its length
  expect([...tensor]).toEqual([8, 2, 8, 3, 16, 10, 66, 1, 119, 74, 12]);
});
