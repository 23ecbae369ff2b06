/** @file Samples of the conformance suite for LoraLinear and its backward pass. */
import { quantize4bit } from '@arena/quant';
import { type BlockType, randomBlocks } from '@arena/quant/ops';
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

/** [tokens, outFeatures, inFeatures, rank] of weights in blocks. */
const BLOCK_SIZES: [BlockType, number, number, number, number][] = [
  ['Q8_0', 1, 40, 64, 4],
  ['Q4_0', 3, 33, 96, 2],
  ['Q5_0', 63, 24, 64, 1],
  ['Q4_K', 64, 64, 256, 8],
  ['Q6_K', 65, 200, 512, 3],
  ['Q4_K', 1900, 24, 256, 16],
];

function* cases() {
  for (const [i, [tokens, outFeatures, inFeatures, r]] of SIZES.entries()) {
    for (const quantized of [false, true]) {
      const generator = new Mt19937(200 + i);
      const draw = drawer(generator);
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

function* blockCases() {
  for (const [i, [type, tokens, outFeatures, inFeatures, r]] of BLOCK_SIZES.entries()) {
    const generator = new Mt19937(300 + i);
    const draw = drawer(generator);
    const attrs: LoraLinearAttrs = {
      scaling: 0.5 + i,
      ...(i % 2 ? { dropout: { p: 0.25, seed: 7, stream: i } } : {}),
      layout: { type, shape: [outFeatures, inFeatures] },
    };
    const blocks = randomBlocks(type, [outFeatures, inFeatures], generator);
    const inputs = {
      x: draw(tokens, inFeatures),
      A: draw(r, inFeatures, 0.1),
      B: draw(outFeatures, r, 0.1),
      blocks: { shape: [blocks.length], dtype: 'int32' as const, values: blocks },
    };
    const name = `[${tokens}] x ${type} [${outFeatures}, ${inFeatures}], r ${r}${i % 2 ? ', dropout' : ''}`;
    yield { name, attrs, inputs, draw, tokens, outFeatures, inFeatures, r, i };
  }
}

function drawer(generator: Mt19937) {
  return (rows: number, columns: number, std = 1) => ({
    shape: [rows, columns],
    dtype: 'float32' as const,
    values: normal(generator, rows * columns, 0, std),
  });
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
  return forward([...cases()]);
}

export function loraLinearBackwardSamples(): OpSample<LoraLinearBackwardAttrs>[] {
  return backward([...cases()]);
}

export function loraLinearBlocksSamples(): OpSample<LoraLinearAttrs>[] {
  return forward([...blockCases()]);
}

export function loraLinearBlocksBackwardSamples(): OpSample<LoraLinearBackwardAttrs>[] {
  return backward([...blockCases()]);
}

interface Case extends OpSample<LoraLinearAttrs> {
  draw: ReturnType<typeof drawer>;
  tokens: number;
  outFeatures: number;
  inFeatures: number;
  r: number;
  i: number;
}

function forward(cases: Case[]): OpSample<LoraLinearAttrs>[] {
  return cases.map(({ name, attrs, inputs }) => ({ name, attrs, inputs }));
}

function backward(cases: Case[]): OpSample<LoraLinearBackwardAttrs>[] {
  return cases.map(({ name, attrs, inputs, draw, tokens, outFeatures, inFeatures, r, i }) => ({
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
