/** @file The training pass: forward and backward over a micro-batch, which leaves gradients on the parameters. */
import { accumulate } from '@arena/runtime';
import { halve, offload } from '@arena/runtime/op';
import { add, dispose, mul, type Scalar, scalar, type Tensor2D, tensor1d, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { type Activations, KEEP_ALL } from './activations.js';
import type { FlatBatch } from './batch.js';
import { DecoderError } from './error.js';
import { headBackward } from './head.js';
import {
  halvable,
  type LayerCheckpoint,
  type LayerSaved,
  layerAgain,
  layerBackward,
  layerCheckpoint,
  layerForward,
  tensorsOf,
} from './layer.js';
import { type DropoutStep, isTrained } from './linear.js';
import { defaultLoss, type Loss } from './loss.js';
import { type Classifier, type Layer, linearsOf, normsOf } from './model.js';
import { trainHead } from './new-head.js';
import { embed, openPass, type Pass, rowsThatLeave } from './pass.js';
import { pause } from './pause.js';
import { addRows } from './rows.js';

/** What a training pass minimises, and what it keeps for the way back. Default: `lossScale` 1, no dropout. */
export interface TrainingPassOptions {
  /** How the activations that the backward pass needs are kept; {@link planMemory} chooses. Default: all of them, as they are. */
  activations?: Partial<Activations>;
  /** Default {@link defaultLoss}. */
  loss?: Loss;
  /** Factors of the sequences' or pairs' terms in the loss (default: 1 each). */
  sampleWeights?: ArrayLike<number>;
  /** Fixed numbers that the loss adds to the logits, row by row [n * numLabels]: d loss / d logits is taken at their sum. */
  logitOffsets?: ArrayLike<number>;
  /** The gradients are those of loss * lossScale (gradient accumulation divides by the number of micro-batches). */
  lossScale?: number;
  dropout?: DropoutStep;
  /** Heard between layers. */
  signal?: AbortSignal;
}

/**
 * Forward and backward over one micro-batch. Gradients are added to the trainable parameters.
 * @param labels As the loss wants them: see {@link crossEntropy} and its neighbours.
 * @returns the loss (unscaled) and the logits [n, numLabels]; the caller owns both.
 * @throws DecoderError for an id outside the vocabulary or labels that do not fit the loss; the signal's reason when aborted (some
 * gradients may then be on the parameters).
 */
export async function trainingPass(
  model: Classifier,
  batch: FlatBatch,
  labels: ArrayLike<number>,
  options: TrainingPassOptions = {},
): Promise<{ loss: Scalar; logits: Tensor2D }> {
  trainHead(model);
  const {
    loss: lossOf = defaultLoss(model.config.numLabels, model.config.problemType),
    lossScale = 1,
    sampleWeights,
    logitOffsets,
  } = options;
  const lossOfBatch = (logits: Tensor2D) => lossOf(withOffsets(logits, logitOffsets), labels, sampleWeights);
  const work: PassState = { hidden: await embed(model, batch), inputs: [], saved: [] };
  const pass = openPass(model, batch, { dropout: options.dropout });
  try {
    await forwardSaving(model, pass, work, options);
    const { loss, logits, gradient } = tidy(() => headBackward(model, work.hidden, lossOfBatch, lossScale));
    work.hidden.dispose();
    work.hidden = gradient;
    try {
      await backward(model, pass, work, options);
      if (model.trainedEmbedding) embeddingBackward(model, batch, work.hidden);
      return { loss, logits };
    } catch (error) {
      dispose([loss, logits]);
      throw error;
    }
  } finally {
    dispose([work.hidden, ...work.inputs.filter(Boolean)]);
    for (const saved of work.saved) if (saved) dispose(saved);
    pass.close();
  }
}

function withOffsets(logits: Tensor2D, offsets: ArrayLike<number> | undefined): Tensor2D {
  if (!offsets) return logits;
  if (offsets.length !== logits.size) {
    throw new DecoderError('batch', `${offsets.length} offsets for logits [${logits.shape}]: one each is expected`);
  }
  return add(logits, tensor2d(Float32Array.from(offsets), logits.shape));
}

/** The tensors that a training pass holds between layers; whatever is left at its end is disposed of. */
interface PassState {
  /** The hidden states on the way up, their gradient on the way down. */
  hidden: Tensor2D;
  /** Input of each layer that the backward pass goes through, by layer. */
  inputs: Tensor2D[];
  /** What those layers kept: little where they run forward again. */
  saved: (LayerSaved | LayerCheckpoint)[];
}

async function forwardSaving(model: Classifier, pass: Pass, work: PassState, options: TrainingPassOptions) {
  const { recompute, half, offload: away } = { ...KEEP_ALL, ...options.activations };
  const lowest = lowestTrainedLayer(model);
  for (const layer of model.layers) {
    await pause(options.signal);
    const { y, saved } = layerForward(work.hidden, layer, pass.context, rowsThatLeave(model, layer, pass));
    if (layer.index < lowest) {
      dispose(saved);
      work.hidden.dispose();
    } else {
      const kept = layer.index < lowest + recompute ? layerCheckpoint(saved) : saved;
      work.saved[layer.index] = kept;
      work.inputs[layer.index] = work.hidden;
      if (half) halve(halvable(kept));
      if (away) offload([work.hidden, ...tensorsOf(kept)]);
    }
    work.hidden = y;
  }
}

/** Takes the gradient in `work.hidden` from the last layer down to the lowest that trains anything. */
async function backward(model: Classifier, pass: Pass, work: PassState, options: TrainingPassOptions) {
  const { recompute } = { ...KEEP_ALL, ...options.activations };
  const lowest = lowestTrainedLayer(model);
  for (let i = model.layers.length - 1; i >= lowest; i--) {
    await pause(options.signal);
    const layer = model.layers[i];
    const x = work.inputs[i];
    const rows = rowsThatLeave(model, layer, pass);
    const again = i < lowest + recompute;
    const saved = (again ? layerAgain(x, work.saved[i], layer, pass.context, rows) : work.saved[i]) as LayerSaved;
    work.saved[i] = saved;
    const inputGradient = i > lowest || model.trainedEmbedding !== undefined;
    const dx = layerBackward(work.hidden, x, saved, layer, pass.context, { rows, inputGradient });
    dispose([work.hidden, x]);
    if (dx) work.hidden = dx;
  }
}

/** Index of the lowest layer that trains anything; the number of layers when only the head is trained. */
export function lowestTrainedLayer(model: Classifier): number {
  if (model.trainedEmbedding) return 0;
  const trains = (layer: Layer) => linearsOf(layer).some(isTrained) || normsOf(layer).some(({ trained }) => trained);
  const lowest = model.layers.findIndex(trains);
  return lowest < 0 ? model.layers.length : lowest;
}

/** The pad row's gradient is zero, as torch's padding_idx makes it. */
function embeddingBackward(model: Classifier, { ids }: FlatBatch, dx: Tensor2D) {
  const { vocabSize, padTokenId, embeddingScale } = model.config;
  const scale = scalar(embeddingScale);
  const gradient = tidy(() => {
    const visible = tensor2d(
      Float32Array.from(ids, (id) => (id === padTokenId ? 0 : 1)),
      [ids.length, 1],
    );
    return addRows(mul(mul(dx, visible), scale), tensor1d(ids, 'int32'), vocabSize);
  });
  scale.dispose();
  accumulate(model.trainedEmbedding!, gradient);
}
