/** @file The fused ops of a decoder layer, for authors of kernels. */
export {
  type AttentionAttrs,
  type AttentionInputs,
  attentionBackward,
  attentionBackwardOp,
  attentionForward,
  attentionOp,
} from './attention/op.js';
export { type GegluAttrs, geglu, gegluBackward, gegluBackwardOp, gegluForward, gegluOp } from './geglu/op.js';
export {
  type RmsNormAttrs,
  type RmsNormBackwardAttrs,
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardOp,
  rmsNormForward,
  rmsNormOp,
} from './rms-norm/op.js';
export { type RopeAttrs, rope, ropeForward, ropeOp } from './rope/op.js';
export { inverseFrequencies } from './rope/reference.js';
