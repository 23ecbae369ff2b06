/** @file A classifier as a training loop sees it: parameters, a pass over a micro-batch, the files of a checkpoint. */
import { adapterFolder } from '@arena/lora/names';
import type { Parameter } from '@arena/runtime';
import type { Scalar } from '@tensorflow/tfjs-core';
import type { Activations } from './activations.js';
import { readAdapter } from './adapter.js';
import type { FlatBatch } from './batch.js';
import type { DropoutStep } from './linear.js';
import type { Loss } from './loss.js';
import { type Classifier, trainableParameters } from './model.js';
import { trainHead } from './new-head.js';
import { trainingPass } from './training-pass.js';

/** A flat batch with its labels, and factors of its terms in the loss. */
export interface LabelledBatch extends FlatBatch {
  labels: ArrayLike<number>;
  weights?: ArrayLike<number>;
  /** Fixed numbers that the loss adds to the logits, row by row [n * numLabels]. */
  logitOffsets?: ArrayLike<number>;
}

/** The shape of `Trainable` in @arena/trainer, which this package does not depend on. */
export interface TrainableClassifier {
  parameters(): Parameter[];
  pass(
    batch: LabelledBatch,
    options: { lossScale: number; dropout: DropoutStep; signal?: AbortSignal },
  ): Promise<{ loss: Scalar }>;
  files(): Promise<Record<string, Uint8Array>>;
}

/**
 * A classifier for `train()` of @arena/trainer.
 * @param options The loss (default: that of the head, see `defaultLoss`) and how activations are kept (default: all, as they are).
 * @example
 * await train({ model: trainable(model, { loss: bradleyTerry }), batches, learningRate: 1e-4 });
 */
export function trainable(
  model: Classifier,
  { loss: lossOf, activations }: { loss?: Loss; activations?: Partial<Activations> } = {},
): TrainableClassifier {
  trainHead(model);
  return {
    parameters: () => trainableParameters(model),
    async pass(batch, options) {
      const { weights: sampleWeights, logitOffsets } = batch;
      const settings = { ...options, loss: lossOf, activations, sampleWeights, logitOffsets };
      const { loss, logits } = await trainingPass(model, batch, batch.labels, settings);
      logits.dispose();
      return { loss };
    },
    files: async () => adapterFolder(await readAdapter(model)),
  };
}
