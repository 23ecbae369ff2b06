/** @file Attributes and inputs of AdamW and SquaredNorm. */
import type { Tensor } from '@tensorflow/tfjs-core';

/** The numbers of a step. `gradientScale` is the factor of clipping, 1 without clipping. */
export interface AdamWAttrs {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Number of this step, from 1. */
  step: number;
  gradientScale: number;
}

/** A parameter with its first and second moment, of one shape; the names are torch's. */
export type AdamWTensors = { param: Tensor; expAvg: Tensor; expAvgSq: Tensor };

/** The three and the parameter's gradient, of one shape. */
export type AdamWInputs = AdamWTensors & { gradient: Tensor };

/** x of any shape. */
export type SquaredNormInputs = { x: Tensor };
