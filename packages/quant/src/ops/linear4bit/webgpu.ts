/** @file Linear4bit on engine `webgpu`: filling a tile decodes W, in both orientations from the packed codes. */
import type { OpKernel } from '@arena/runtime/op';
import { floatOperand, type GpuOperand, gpuLauncher, gpuMultiply } from '@arena/runtime/webgpu';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { CODEBOOK, DYNAMIC_MAP, type QuantType } from '../../tables.js';
import type { Weight4bitAttrs } from '../../weight.js';
import type { Linear4bitAttrs } from './attrs.js';

export const linear4bitWebgpu: OpKernel<Linear4bitAttrs> = ({ inputs, attrs, backend }) => {
  const { transposed, inFeatures, outFeatures } = attrs;
  const [m, k] = inputs.x.shape;
  const y = gpuMultiply(gpuLauncher(backend), {
    form: transposed ? 'nn' : 'nt',
    a: floatOperand('x', inputs.x, { half: !transposed }), // transposed: a gradient
    b: weight4bitOperand(inputs, attrs),
    m,
    n: transposed ? inFeatures : outFeatures,
    k,
  });
  return [y];
};

/**
 * A 4-bit matrix [outFeatures, inFeatures] as an operand of {@link gpuMultiply}, by its tensors codes, absmax and
 * nestedAbsmax.
 */
export function weight4bitOperand(tensors: { [name: string]: TensorInfo }, attrs: Weight4bitAttrs): GpuOperand {
  const { inFeatures, outFeatures, blockSize, quantType, nestedOffset } = attrs;
  const nested = nestedOffset !== undefined;
  // four neighbours of a row are two bytes of one word, in one block
  const aligned = inFeatures % 4 === 0 && blockSize % 4 === 0;
  return {
    key: `${quantType}${nested ? ' nested' : ''}${aligned ? '' : ' odd'}`,
    inputs: {
      codes: { tensor: tensors.codes, type: 'u32' },
      absmax: { tensor: tensors.absmax, type: nested ? 'u32' : 'f32' },
      ...(nested ? { nestedAbsmax: { tensor: tensors.nestedAbsmax, type: 'f32' } } : {}),
    },
    params: {
      inFeatures: { value: inFeatures, type: 'u32' },
      outFeatures: { value: outFeatures, type: 'u32' },
      blockSize: { value: blockSize, type: 'u32' },
      nestedOffset: { value: nestedOffset ?? 0, type: 'f32' },
    },
    constants: constantsOf(quantType),
    declarations: `
      var<workgroup> codebook: array<f32, 16>;
      ${nested ? NESTED_ABSMAX : 'fn absmaxOf(block: u32) -> f32 { return absmax[block]; }'}
      ${aligned ? READ_FOUR : READ_EACH}`,
    read: 'weightRead',
    half: true,
    prepare: 'if (lane < 16u) { codebook[lane] = constantAt(lane); }',
  };
}

const constants = new Map<QuantType, Float32Array>();

/** The 16 values of the codes, then the map of nested absmax codes. */
function constantsOf(quantType: QuantType): Float32Array {
  const known = constants.get(quantType) ?? Float32Array.of(...CODEBOOK[quantType], ...DYNAMIC_MAP);
  constants.set(quantType, known);
  return known;
}

const NESTED_ABSMAX = `fn absmaxOf(block: u32) -> f32 {
  let code = (absmax[block >> 2u] >> ((block & 3u) * 8u)) & 255u;
  return constantAt(16u + code) * nestedAbsmax[block >> 8u] + params.nestedOffset;
}`;

// bytes lie low first in a word, and the first of a byte's two codes is the high one
const READ_FOUR = `fn weightRead(row: u32, column: u32) -> vec4f {
  if (row >= params.outFeatures || column >= params.inFeatures) { return vec4f(0.0); }
  let at = row * params.inFeatures + column;
  let pair = codes[at >> 3u] >> ((at & 4u) << 2u);
  return absmaxOf(at / params.blockSize) * vec4f(
    codebook[(pair >> 4u) & 15u], codebook[pair & 15u], codebook[(pair >> 12u) & 15u], codebook[(pair >> 8u) & 15u]);
}`;

const READ_EACH = `fn weightRead(row: u32, column: u32) -> vec4f {
  var values = vec4f(0.0);
  if (row >= params.outFeatures) { return values; }
  for (var i = 0u; i < 4u && column + i < params.inFeatures; i++) {
    let at = row * params.inFeatures + column + i;
    let code = (codes[at >> 3u] >> (((at & 7u) ^ 1u) << 2u)) & 15u;
    values[i] = absmaxOf(at / params.blockSize) * codebook[code];
  }
  return values;
}`;
