/** @file Attributes and inputs of LoraLinear and its gradients. */
import type { Weight4bit, Weight4bitAttrs } from '@arena/quant/ops';
import type { DropoutMask } from '@arena/random';
import type { Tensor2D } from '@tensorflow/tfjs-core';

/** A frozen matrix [outFeatures, inFeatures], in float32 or in 4 bits. */
export type FrozenWeight = { kind: 'float'; tensor: Tensor2D } | Weight4bit;

/** `scaling` is s: alpha / r, or alpha / sqrt(r) with use_rslora. */
export interface LoraLinearAttrs {
  scaling: number;
  /** How to read `codes`; absent when `weight` is float32. */
  quant?: Weight4bitAttrs;
  /** Drops values of the adapter's input; absent at evaluation. */
  dropout?: DropoutMask;
}

/** Attributes of the forward pass, with the same dropout mask, and the gradients to compute. */
export interface LoraLinearBackwardAttrs extends LoraLinearAttrs {
  /** Whether to compute dx. Not needed below the lowest adapter. */
  inputGradient: boolean;
}

/** The tensors of a frozen weight: `weight` [N, K] in float32, or the tensors of a 4-bit one. */
export type FrozenInputs = { weight: Tensor2D } | Weight4bit['tensors'];

/** x [M, K], A [r, K], B [N, r] and the weight. */
export type LoraLinearInputs = { x: Tensor2D; A: Tensor2D; B: Tensor2D } & FrozenInputs;

/** dy [M, N], the inputs of the forward pass, its t [M, r], and `residual` [M, K] to add to dx. */
export type LoraLinearBackwardInputs = LoraLinearInputs & { dy: Tensor2D; t: Tensor2D; residual?: Tensor2D };
