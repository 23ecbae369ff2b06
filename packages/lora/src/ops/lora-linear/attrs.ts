/** @file What LoraLinear and its gradients are given. */
import type { BlocksAttrs, Weight4bit, Weight4bitAttrs, WeightBlocks } from '@arena/quant/ops';
import type { DropoutMask } from '@arena/random';
import type { Tensor2D } from '@tensorflow/tfjs-core';

/** A frozen matrix [outFeatures, inFeatures], in float32, in 4 bits or in blocks of ggml. */
export type FrozenWeight = { kind: 'float'; tensor: Tensor2D } | Weight4bit | WeightBlocks;

/** `scaling` is s: alpha / r, or alpha / sqrt(r) with use_rslora. */
export interface LoraLinearAttrs {
  scaling: number;
  /** How to read `codes`, where the weight is 4-bit. */
  quant?: Weight4bitAttrs;
  /** How to read `blocks`, where the weight is in blocks of ggml. */
  layout?: BlocksAttrs;
  /** Drops values of the adapter's input; absent at evaluation. */
  dropout?: DropoutMask;
}

/** Attributes of the forward pass, with the same dropout mask, and the gradients to compute. */
export interface LoraLinearBackwardAttrs extends LoraLinearAttrs {
  /** Whether to compute dx. Not needed below the lowest adapter. */
  inputGradient: boolean;
}

/** The tensors of a frozen weight: `weight` [N, K] in float32, or those of a 4-bit one, or its bytes in blocks. */
export type FrozenInputs = { weight: Tensor2D } | Weight4bit['tensors'] | WeightBlocks['tensors'];

/** x [M, K], A [r, K], B [N, r] and the weight. */
export type LoraLinearInputs = { x: Tensor2D; A: Tensor2D; B: Tensor2D } & FrozenInputs;

/** dy [M, N], the inputs of the forward pass, its t [M, r], and `residual` [M, K] to add to dx. */
export type LoraLinearBackwardInputs = LoraLinearInputs & { dy: Tensor2D; t: Tensor2D; residual?: Tensor2D };
