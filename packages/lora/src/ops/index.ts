/** @file The fused ops of a LoRA linear, for authors of kernels. */
export type { LoraWeights } from '../init.js';
export {
  type FrozenWeight,
  type LoraLinearAttrs,
  type LoraLinearBackwardAttrs,
  loraLinear,
  loraLinearBackward,
  loraLinearBackwardOp,
  loraLinearBlocksBackwardOp,
  loraLinearBlocksOp,
  loraLinearForward,
  loraLinearOp,
} from './lora-linear/op.js';
