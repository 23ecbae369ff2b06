/** @file Samples of the conformance suite for LoraLinear and its backward pass. */
import { quantize4bit } from '@arena/quant';
import { Mt19937, normal } from '@arena/random';
import type { OpSample } from '@arena/runtime/op';
import type { LoraLinearAttrs, LoraLinearBackwardAttrs } from './attrs.js';

/** [tokens, outFeatures, inFeatures, rank] */
const SIZES: [number, number, number, number][] = [
  [1, 64, 64, 4],
  [63, 33, 64, 1],
  [64, 64, 128, 8],
  [65, 40, 48, 3],
  [7, 13, 7, 2],
  [1900, 24, 64, 16],
];

function* cases() {
  for (const [i, [tokens, outFeatures, inFeatures, r]] of SIZES.entries()) {
    for (const quantized of [false, true]) {
      const generator = new Mt19937(200 + i);
      const draw = (rows: number, columns: number, std = 1) => ({
        shape: [rows, columns],
        dtype: 'float32' as const,
        values: normal(generator, rows * columns, 0, std),
      });
      const weight = draw(outFeatures, inFeatures, 0.1);
      const attrs: LoraLinearAttrs = {
        scaling: 0.5 + i,
        ...(i % 2 ? { dropout: { p: 0.25, seed: 7, stream: i } } : {}),
        ...(quantized ? { quant: { inFeatures, outFeatures, blockSize: 64, quantType: 'nf4' as const } } : {}),
      };
      const name = `[${tokens}] x ${quantized ? 'nf4' : 'float'} [${outFeatures}, ${inFeatures}], r ${r}${i % 2 ? ', dropout' : ''}`;
      const inputs = {
        x: draw(tokens, inFeatures),
        A: draw(r, inFeatures, 0.1),
        B: draw(outFeatures, r, 0.1),
        ...(quantized ? quantizedInputs(weight.values, [outFeatures, inFeatures]) : { weight }),
      };
      yield { name, attrs, inputs, draw, tokens, outFeatures, inFeatures, r, i };
    }
  }
}

function quantizedInputs(values: Float32Array, shape: number[]) {
  const { codes, absmax } = quantize4bit(values, shape);
  const padded = new Uint8Array(Math.ceil(codes.length / 4) * 4);
  padded.set(codes);
  return {
    codes: { shape: [padded.length / 4], dtype: 'int32' as const, values: new Int32Array(padded.buffer) },
    absmax: { shape: [absmax.length], dtype: 'float32' as const, values: absmax as Float32Array },
  };
}

export function loraLinearSamples(): OpSample<LoraLinearAttrs>[] {
  return [...cases()].map(({ name, attrs, inputs }) => ({ name, attrs, inputs }));
}

export function loraLinearBackwardSamples(): OpSample<LoraLinearBackwardAttrs>[] {
  return [...cases()].map(({ name, attrs, inputs, draw, tokens, outFeatures, inFeatures, r, i }) => ({
    name: `${name}${i % 3 === 1 ? ', no dx' : i % 3 === 2 ? ', residual' : ''}`,
    attrs: { ...attrs, inputGradient: i % 3 !== 1 },
    inputs: {
      ...inputs,
      dy: draw(tokens, outFeatures),
      t: draw(tokens, r),
      ...(i % 3 === 2 ? { residual: draw(tokens, inFeatures) } : {}),
    },
  }));
}
