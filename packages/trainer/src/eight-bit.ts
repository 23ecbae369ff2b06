/**
 * @file Moments in 8 bits a value, as bitsandbytes' AdamW8bit keeps them (Dettmers et al. 2022; blocks of 256, dynamic
 * maps, signed for m, unsigned for v), and a step with them. The state is outside the engine, since its tensors have no
 * byte type.
 *
 * Of one step on a block with scales s1, s2 and maps q1, q2, g = gradientScale * gradient:
 *   m = b1 q1[c1] s1 + (1 - b1) g;   v = b2 q2[c2] s2 + (1 - b2) g^2
 *   p = p (1 - lr wd) - lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps sqrt(1 - b2^t))
 *   s1 = max |m|, s2 = max v;   c1, c2 = the nearest codes of m / s1, v / s2
 * The update of p uses m and v before they become codes again. A code of m never has the opposite sign of m: one that
 * rounds to 0 from below takes the negative neighbour. Arithmetic is float64, stored values are float32. Weight decay
 * comes first, as in torch and in bitsandbytes on a CPU (its CUDA kernels apply it last). At exact ties CUDA may take
 * the other neighbour.
 */
import { dynamicMap, orderedCodes } from '@arena/quant/state';
import type { AdamWAttrs } from './ops/adamw/op.js';

/** First and second moment of one tensor as codes, under bitsandbytes' names. */
export interface EightBitMoments {
  /** [values] */
  state1: Uint8Array;
  state2: Uint8Array;
  /** Scale of each block of 256. [blocks] */
  absmax1: Float32Array;
  absmax2: Float32Array;
}

/** Fewest values for 8-bit moments. Smaller tensors keep float32 moments. */
export const MIN_8BIT_SIZE = 4096;

const BLOCK = 256;
const SIGNED = dynamicMap(true);
const UNSIGNED = dynamicMap(false);
const { midpoints: SIGNED_MIDPOINTS } = orderedCodes(SIGNED);
const { midpoints: UNSIGNED_MIDPOINTS } = orderedCodes(UNSIGNED);
const SIGNED_ZERO = SIGNED.indexOf(0);

/** Moments of zero for a tensor of `size` values. */
export function zeroMoments(size: number): EightBitMoments {
  const blocks = Math.ceil(size / BLOCK);
  return {
    state1: new Uint8Array(size).fill(SIGNED_ZERO),
    state2: new Uint8Array(size),
    absmax1: new Float32Array(blocks),
    absmax2: new Float32Array(blocks),
  };
}

/** One step, in place: `param` and the moments change. */
export function adamW8bitStep(
  param: Float32Array,
  gradient: Float32Array,
  { state1, state2, absmax1, absmax2 }: EightBitMoments,
  { learningRate, beta1, beta2, eps, weightDecay, step, gradientScale }: AdamWAttrs,
): void {
  const correction2 = Math.sqrt(1 - beta2 ** step);
  const stepSize = (learningRate * correction2) / (1 - beta1 ** step);
  const decay = 1 - learningRate * weightDecay;
  const m = new Float32Array(BLOCK);
  const v = new Float32Array(BLOCK);
  for (let block = 0; block < absmax1.length; block++) {
    const begin = block * BLOCK;
    const count = Math.min(BLOCK, param.length - begin);
    let [scale1, scale2] = [absmax1[block], absmax2[block]];
    let most1 = 0;
    let most2 = 0;
    for (let j = 0; j < count; j++) {
      const i = begin + j;
      const g = gradientScale * gradient[i];
      m[j] = beta1 * SIGNED[state1[i]] * scale1 + (1 - beta1) * g;
      v[j] = beta2 * UNSIGNED[state2[i]] * scale2 + (1 - beta2) * g * g;
      param[i] = param[i] * decay - (stepSize * m[j]) / (Math.sqrt(v[j]) + eps * correction2);
      most1 = Math.max(most1, Math.abs(m[j]));
      most2 = Math.max(most2, v[j]);
    }
    absmax1[block] = most1;
    absmax2[block] = most2;
    // a block of zeros has no scale: uses the codes of zero
    [scale1, scale2] = [most1 || 1, most2 || 1];
    for (let j = 0; j < count; j++) {
      let code = nearest(SIGNED_MIDPOINTS, m[j] / scale1);
      if (code === SIGNED_ZERO && m[j] < 0) code--;
      state1[begin + j] = code;
      state2[begin + j] = nearest(UNSIGNED_MIDPOINTS, v[j] / scale2);
    }
  }
}

/** Number of midpoints below x: the nearest code, the lower one at a tie. */
function nearest(midpoints: Float32Array, x: number): number {
  let low = 0;
  for (let width = 128; width; width >>= 1) if (x > midpoints[low + width - 1]) low += width;
  return low;
}
