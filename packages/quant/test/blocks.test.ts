/** @file Weights in blocks of ggml beside `@arena/gguf`, and products beside those of the widened matrix. */
import { fileURLToPath } from 'node:url';
import { dequantize, openGguf } from '@arena/gguf';
import { QuantError } from '@arena/quant';
import {
  BLOCK_TYPES,
  type BlockType,
  blockBytes,
  disposeBlocks,
  isBlockType,
  linearBlocks,
  linearBlocksBackward,
  linearBlocksForward,
  randomBlocks,
  uploadBlocks,
  type WeightBlocks,
} from '@arena/quant/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { eye, grad, matMul, memory, ones, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it, test } from 'vitest';

const BLOCKS = fileURLToPath(new URL('../../conformance/fixtures/gguf/blocks/blocks.gguf', import.meta.url));

function bytesOf(type: BlockType, shape: number[], seed: number): Uint8Array {
  const words = randomBlocks(type, shape, new Mt19937(seed));
  return new Uint8Array(words.buffer, 0, blockBytes(type, shape));
}

/** The whole matrix, by a product with the unit matrix: every sum has one term. */
function widened(weight: WeightBlocks): Float32Array {
  const [outFeatures, inFeatures] = weight.shape;
  return tidy(() => {
    const columns = linearBlocksForward(eye(inFeatures), weight).dataSync(); // W^T
    const rows = linearBlocksBackward(eye(outFeatures), weight).dataSync() as Float32Array;
    for (let o = 0; o < outFeatures; o++) {
      for (let i = 0; i < inFeatures; i++) expect(columns[i * outFeatures + o]).toBe(rows[o * inFeatures + i]);
    }
    return rows;
  });
}

/** A sum that begins at 0 has no negative zero. */
const plain = (values: Float32Array) => values.map((value) => value + 0);

describe.each(['cpu', 'wasm'] as const)('on engine %s', (engine) => {
  test("the values are gguf-py's, bit for bit", async () => {
    await openEngine(engine);
    const file = await openGguf(BLOCKS);
    let found = 0;
    for (const [name, { type, shape }] of file.tensors) {
      if (!isBlockType(type)) continue;
      found++;
      const parts: Uint8Array[] = [];
      for await (const part of file.readStored(name)) parts.push(part);
      const weight = uploadBlocks(type, Buffer.concat(parts), shape);
      expect(widened(weight), type).toEqual(plain(await file.readFloat32(name)));
      disposeBlocks(weight);
    }
    expect(found).toBe(BLOCK_TYPES.length);
    await file.close();
  });

  it.each(BLOCK_TYPES)('random bytes of %s, subnormal and negative scales', async (type) => {
    await openEngine(engine);
    const shape = [5, 512];
    const bytes = bytesOf(type, shape, 3);
    const at = type === 'Q6_K' ? 209 : 1;
    bytes[at] = 0x83; // of the first block, a subnormal
    bytes[bytes.length / 5 + at] |= 0x80;
    const weight = uploadBlocks(type, bytes, shape);
    expect(widened(weight)).toEqual(plain(dequantize(type, bytes)));
    disposeBlocks(weight);
  });
});

describe('on engine wasm', () => {
  it.each([{ threads: 1 }, { threads: 2 }])(
    'products are those of the widened matrix, bit for bit (%o)',
    async (how) => {
      await openEngine('wasm', how);
      const before = memory().numTensors;
      for (const type of BLOCK_TYPES) {
        const width = type.endsWith('_K') ? 768 : 672;
        const bytes = bytesOf(type, [211, width], 5);
        const weight = uploadBlocks(type, bytes, [211, width]);
        const float = tensor2d(dequantize(type, bytes), [211, width]);
        for (const m of [1, 2, 3, 4, 67, 200]) {
          tidy(() => {
            const x = tensor2d(normal(new Mt19937(m), m * width), [m, width]);
            const dy = tensor2d(normal(new Mt19937(m), m * 211), [m, 211]);
            const bits = (tensor: Tensor2D) => new Uint32Array((tensor.dataSync() as Float32Array).slice().buffer);
            expect(bits(linearBlocksForward(x, weight))).toEqual(bits(matMul(x, float, false, true)));
            expect(bits(linearBlocksBackward(dy, weight))).toEqual(bits(matMul(dy, float)));
          });
        }
        float.dispose();
        disposeBlocks(weight);
      }
      expect(memory().numTensors).toBe(before);
    },
  );

  it('is differentiable by x', async () => {
    await openEngine('wasm');
    const bytes = bytesOf('Q5_0', [3, 64], 1);
    const weight = uploadBlocks('Q5_0', bytes, [3, 64]);
    const values = dequantize('Q5_0', bytes);
    const x = tensor2d(normal(new Mt19937(1), 2 * 64), [2, 64]);
    const dx = grad((t) => linearBlocks(t as Tensor2D, weight))(x, ones([2, 3])).dataSync();
    for (let i = 0; i < 128; i++) {
      const j = i % 64;
      expect(dx[i]).toBeCloseTo(values[j] + values[64 + j] + values[128 + j], 5);
    }
  });
});

describe('bad input', () => {
  const refused = (make: () => unknown) => {
    try {
      make();
    } catch (error) {
      expect(error).toBeInstanceOf(QuantError);
      return (error as QuantError).message;
    }
    return 'accepted';
  };

  it('is refused with what was read and expected', async () => {
    await openEngine('cpu');
    const bytes = bytesOf('Q4_K', [2, 256], 1);
    expect(refused(() => uploadBlocks('Q4_K', bytes.subarray(1), [2, 256]))).toBe(
      'Q4_K [2,256] takes 288 bytes, got 287',
    );
    expect(refused(() => uploadBlocks('Q4_K', bytes, [2, 288]))).toContain('288 values are no multiple of the 256');
    expect(refused(() => uploadBlocks('Q4_K', bytes, [512]))).toContain('is a matrix, got shape [512]');
    expect(refused(() => uploadBlocks('IQ1_S' as BlockType, bytes, [2, 256]))).toContain(
      "'IQ1_S' are not known: Q4_0, ",
    );
    bytes[144 + 3] = 0xfc; // dmin of the second block
    expect(refused(() => uploadBlocks('Q4_K', bytes, [2, 256]))).toBe(
      'the scale of the block of Q4_K from value 256 is not finite',
    );
    const weight = uploadBlocks('Q8_0', bytesOf('Q8_0', [2, 32], 1), [2, 32]);
    expect(refused(() => linearBlocks(tensor2d([[1, 2]]), weight))).toContain('[1,2] does not fit');
  });
});
