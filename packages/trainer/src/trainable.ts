/** @file All that training knows of a model. */
import type { Parameter } from '@arena/runtime';
import type { Scalar } from '@tensorflow/tfjs-core';

/** A flat batch with its labels. */
export interface MicroBatch {
  /** Token ids of all sequences, one after another. [tokens] */
  ids: Int32Array;
  /** Start of each sequence, and the number of tokens at the end. [n + 1] */
  offsets: Int32Array;
  labels: ArrayLike<number>;
  /** Factors of the sequences' terms in the loss (default: 1 each). */
  weights?: ArrayLike<number>;
  /** Fixed numbers that the loss adds to the logits, row by row [n * labels of the head]. */
  logitOffsets?: ArrayLike<number>;
  /** Names of the sequences in messages, such as their row numbers. */
  rows?: ArrayLike<number>;
}

/** Options of a pass over one micro-batch. */
export interface PassOptions {
  /** Gradients are of loss * lossScale. */
  lossScale: number;
  /** Selects the dropout masks: `step` counts micro-batches, so that no two share a mask. */
  dropout: { seed: number; step: number };
  /** Checked within the pass. */
  signal?: AbortSignal;
}

/** A model that can be trained: `trainable()` of @arena/decoder makes one of a classifier and its loss. */
export interface Trainable {
  /** All trained parameters, in a stable order. */
  parameters(): Parameter[];
  /** Forward and backward: adds gradients to the parameters. The caller owns the loss, which is not scaled. */
  pass(batch: MicroBatch, options: PassOptions): Promise<{ loss: Scalar }>;
  /** The model's files of a checkpoint, by file name. */
  files(): Promise<Record<string, Uint8Array>>;
}
