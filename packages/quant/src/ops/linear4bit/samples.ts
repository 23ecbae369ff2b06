/** @file Samples of the conformance suite for Linear4bit: both orientations, both types, nested or not, odd sizes. */
import { Mt19937, normal } from '@arena/random';
import type { OpSample } from '@arena/runtime/op';
import { quantize4bit } from '../../quantize.js';
import type { QuantType } from '../../tables.js';
import type { Linear4bitAttrs } from './attrs.js';

/** [rows of x, outFeatures, inFeatures, block size] */
const SIZES: [number, number, number, number][] = [
  [1, 64, 64, 64],
  [2, 65, 128, 64],
  [3, 70, 1216, 64],
  [63, 96, 64, 64],
  [64, 128, 192, 64],
  [65, 40, 48, 64],
  [7, 13, 7, 64],
  [9, 33, 100, 32],
  [70, 200, 576, 128],
  [1900, 64, 64, 64],
  [5, 48, 96, 256],
  [6, 33, 200, 512],
  [2, 40, 60, 1024],
  [3, 50, 100, 2048],
  [4, 72, 128, 4096],
];

export function linear4bitSamples(): OpSample<Linear4bitAttrs>[] {
  const samples: OpSample<Linear4bitAttrs>[] = [];
  SIZES.forEach(([rows, outFeatures, inFeatures, blockSize], i) => {
    const type: QuantType = i % 3 === 2 ? 'fp4' : 'nf4';
    for (const transposed of [false, true]) {
      const doubleQuant = (i + Number(transposed)) % 2 === 0;
      const generator = new Mt19937(100 + i);
      const quantized = quantize4bit(normal(generator, outFeatures * inFeatures, 0, 0.1), [outFeatures, inFeatures], {
        type,
        blockSize,
        doubleQuant,
      });
      const width = transposed ? outFeatures : inFeatures;
      const nested = quantized.nested;
      samples.push({
        name: `[${rows}] x ${type} [${outFeatures}, ${inFeatures}], blocks of ${blockSize}${nested ? ', nested' : ''}${transposed ? ', transposed' : ''}`,
        attrs: {
          inFeatures,
          outFeatures,
          blockSize,
          quantType: type,
          transposed,
          ...(nested ? { nestedOffset: nested.offset } : {}),
        },
        inputs: {
          x: { shape: [rows, width], dtype: 'float32', values: normal(generator, rows * width) },
          codes: words(quantized.codes),
          absmax: nested ? words(quantized.absmax as Uint8Array) : floats(quantized.absmax as Float32Array),
          ...(nested ? { nestedAbsmax: floats(nested.absmax) } : {}),
        },
      });
    }
  });
  return samples;
}

function words(bytes: Uint8Array) {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return { shape: [padded.length / 4], dtype: 'int32' as const, values: new Int32Array(padded.buffer) };
}

function floats(values: Float32Array) {
  return { shape: [values.length], dtype: 'float32' as const, values };
}
