/** @file The classifier over a flat batch: logits, and a training pass that leaves gradients on the parameters. */

import { roundTo } from '@arena/quant';
import { halve, offload } from '@arena/runtime';
import {
  dispose,
  gather,
  matMul,
  mul,
  type Scalar,
  scalar,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import { type FlatBatch, pooledRows, positionsOf } from './batch.js';
import {
  attentionAttrs,
  attentionInputs,
  type BlockContext,
  type BlockSaved,
  blockAgain,
  blockBackward,
  blockForward,
  HALVED,
  keepLittle,
} from './block.js';
import { breathe } from './breathe.js';
import { type DropoutStep, isTrained } from './linear.js';
import { defaultLoss, type Loss } from './loss.js';
import type { GemmaClassifier, Layer } from './model.js';
import { attentionProbabilities } from './ops/attention/reference.js';
import { rmsNormBackward, rmsNormForward } from './ops/rms-norm/op.js';
import { accumulate } from './parameter.js';
import { addRows } from './rows.js';
import { type SharedTokens, sharePrefixes } from './shared-prefix.js';

/**
 * Logits of each sequence. [n, numLabels], the caller owns them. What a sequence begins with like the one before it is computed once.
 * @param signal Heard between layers.
 * @throws RangeError for an id outside the vocabulary; the signal's reason when aborted.
 */
export async function forward(model: GemmaClassifier, batch: FlatBatch, signal?: AbortSignal): Promise<Tensor2D> {
  const hidden = await pooledStates(model, batch, signal);
  try {
    return tidy(() => head(model, hidden).logits);
  } finally {
    hidden.dispose();
  }
}

/** What the last layer gives for the token of each sequence that the head reads, before the final norm. [n, hiddenSize] */
export async function pooledStates(model: GemmaClassifier, batch: FlatBatch, signal?: AbortSignal): Promise<Tensor2D> {
  const shared = sharePrefixes(batch);
  let hidden = await embed(model, shared ?? batch);
  const pass = openPass(model, batch, { shared });
  try {
    for (const layer of model.layers) {
      await breathe(signal);
      const { y, saved } = blockForward(hidden, layer, pass.context, isLast(model, layer) ? pass.rows : undefined);
      dispose(saved);
      hidden.dispose();
      hidden = y;
    }
    return hidden;
  } catch (error) {
    hidden.dispose();
    throw error;
  } finally {
    pass.close();
  }
}

/** {@link forward} that also shows every named value to `trace`: all tokens go through all layers. */
export async function forwardTraced(
  model: GemmaClassifier,
  batch: FlatBatch,
  trace: (name: string, value: Tensor2D) => void,
): Promise<Tensor2D> {
  const x = await embed(model, batch);
  const pass = openPass(model, batch);
  trace('embed_scaled', x);
  const logits = tidy(() => {
    let hidden = x;
    for (const layer of model.layers) {
      const { y, saved } = blockForward(hidden, layer, { ...pass.context, trace });
      traceAttention(model, layer, saved, pass.context, trace);
      hidden = y;
    }
    const normed = rmsNormForward(hidden, model.norm.weight, model.config.rmsNormEps);
    trace('norm', normed);
    trace('score_all_tokens', matMul(normed, model.score.value as Tensor2D, false, true));
    return head(model, gather(hidden, pass.rows)).logits;
  });
  x.dispose();
  pass.close();
  return logits;
}

function traceAttention(
  { config }: GemmaClassifier,
  layer: Layer,
  saved: BlockSaved,
  context: BlockContext,
  trace: (name: string, value: Tensor2D) => void,
) {
  const { norms, index } = layer;
  const { rmsNormEps: eps } = config;
  trace(`layer.${index}.post_attention_layernorm`, rmsNormForward(saved.a, norms.post_attention_layernorm.weight, eps));
  trace(
    `layer.${index}.post_feedforward_layernorm`,
    rmsNormForward(saved.d, norms.post_feedforward_layernorm.weight, eps),
  );
  const inputs = { ...attentionInputs(saved.q, saved.k, saved.v, context) };
  for (let sequence = 0; sequence + 1 < context.offsets.shape[0]; sequence++) {
    const probabilities = attentionProbabilities(inputs, attentionAttrs(layer, context), sequence);
    trace(`layer.${index}.attn_probs.${sequence}`, probabilities as never);
  }
}

/** How the activations that the backward pass needs are kept; {@link planMemory} chooses. */
export interface SavedActivations {
  /** Of the layers that the backward pass goes through, this many (the lowest) keep little but their input and run forward again, but for down_proj. Default 0. */
  recomputeLayers?: number;
  /** Keep them outside the engine's memory (see {@link MemoryPlan.offload}). Default false. */
  offload?: boolean;
  /** Keep the wider of them in bfloat16 (see {@link MemoryPlan.halve}). Default false. */
  halve?: boolean;
}

/** What a training pass minimises, and what it keeps for the way back. Default: `lossScale` 1, no dropout. */
export interface TrainingPassOptions extends SavedActivations {
  /** Default {@link defaultLoss}. */
  loss?: Loss;
  /** Factors of the sequences' or pairs' terms in the loss (default: 1 each). */
  sampleWeights?: ArrayLike<number>;
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
 * @throws RangeError for an id outside the vocabulary or labels that do not fit the loss; the signal's reason when aborted (some
 * gradients may then be on the parameters).
 */
export async function trainingPass(
  model: GemmaClassifier,
  batch: FlatBatch,
  labels: ArrayLike<number>,
  options: TrainingPassOptions = {},
): Promise<{ loss: Scalar; logits: Tensor2D }> {
  const {
    loss: lossOf = defaultLoss(model.config.numLabels, model.config.problemType),
    lossScale = 1,
    sampleWeights,
  } = options;
  const lossOfBatch = (logits: Tensor2D) => lossOf(logits, labels, sampleWeights);
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

/** The tensors that a training pass holds between layers; whatever is left at its end is disposed of. */
interface PassState {
  /** The hidden states on the way up, their gradient on the way down. */
  hidden: Tensor2D;
  /** Input of each layer that the backward pass goes through, by layer. */
  inputs: Tensor2D[];
  /** What those layers kept: little where they run forward again. */
  saved: BlockSaved[];
}

async function forwardSaving(model: GemmaClassifier, pass: Pass, work: PassState, options: TrainingPassOptions) {
  const { recomputeLayers = 0, offload: away = false, halve: half = false, signal } = options;
  const lowest = lowestTrainedLayer(model);
  for (const layer of model.layers) {
    await breathe(signal);
    const { y, saved } = blockForward(work.hidden, layer, pass.context, isLast(model, layer) ? pass.rows : undefined);
    if (layer.index < lowest) {
      dispose(saved);
      work.hidden.dispose();
    } else {
      const recompute = layer.index < lowest + recomputeLayers;
      const kept = recompute ? keepLittle(saved) : saved;
      work.saved[layer.index] = kept;
      work.inputs[layer.index] = work.hidden;
      if (half) halve(HALVED.flatMap((name) => kept[name] ?? []));
      if (away) offload([work.hidden, ...Object.values(kept)]);
    }
    work.hidden = y;
  }
}

/** Takes the gradient in `work.hidden` from the last layer down to the lowest that trains anything. */
async function backward(model: GemmaClassifier, pass: Pass, work: PassState, options: TrainingPassOptions) {
  const { recomputeLayers = 0, signal } = options;
  const lowest = lowestTrainedLayer(model);
  for (let i = model.layers.length - 1; i >= lowest; i--) {
    await breathe(signal);
    const layer = model.layers[i];
    const x = work.inputs[i];
    const rows = isLast(model, layer) ? pass.rows : undefined;
    if (i < lowest + recomputeLayers) work.saved[i] = blockAgain(x, work.saved[i], layer, pass.context, rows);
    const inputGradient = i > lowest || model.trainedEmbedding !== undefined;
    const dx = blockBackward(work.hidden, x, work.saved[i], layer, pass.context, { rows, inputGradient });
    dispose([work.hidden, x]);
    if (dx) work.hidden = dx;
  }
}

/** Index of the lowest layer that trains anything; the number of layers when only the head is trained. */
export function lowestTrainedLayer(model: GemmaClassifier): number {
  if (model.trainedEmbedding) return 0;
  const trains = ({ linears, norms }: Layer) =>
    Object.values(linears).some(isTrained) || Object.values(norms).some(({ trained }) => trained);
  const lowest = model.layers.findIndex(trains);
  return lowest < 0 ? model.layers.length : lowest;
}

function isLast({ layers }: GemmaClassifier, layer: Layer): boolean {
  return layer.index === layers.length - 1;
}

/** sqrt(hidden_size) in the type of the embedding weights: 59.75, not 59.87, for a bfloat16 9B. */
function embeddingScale({ config }: GemmaClassifier): number {
  return roundTo(Float32Array.of(Math.sqrt(config.hiddenSize)), config.dtype)[0];
}

async function embed(model: GemmaClassifier, { ids }: Pick<FlatBatch, 'ids'>): Promise<Tensor2D> {
  const scale = embeddingScale(model);
  if (model.trainedEmbedding) {
    const table = model.trainedEmbedding.value;
    return tidy(() => mul(gather(table, tensor1d(ids, 'int32')), scalar(scale)) as Tensor2D);
  }
  const rows = await model.embedding.gather(ids, scale);
  return tensor2d(rows, [ids.length, model.config.hiddenSize]);
}

/** The pad row's gradient is zero, as torch's padding_idx makes it. */
function embeddingBackward(model: GemmaClassifier, { ids }: FlatBatch, dx: Tensor2D) {
  const { vocabSize, padTokenId } = model.config;
  const scale = scalar(embeddingScale(model));
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

interface Pass {
  context: BlockContext;
  /** The token of each sequence that the head reads. int32 [n] */
  rows: Tensor1D;
  close(): void;
}

function openPass(
  model: GemmaClassifier,
  batch: FlatBatch,
  { dropout, shared }: { dropout?: DropoutStep; shared?: SharedTokens | null } = {},
): Pass {
  const { config, attention } = model;
  const ints = (values: Int32Array) => tensor1d(values, 'int32');
  const pooled = pooledRows(batch, config.padTokenId);
  const rows = ints(shared ? pooled.map((row) => shared.source[row]) : pooled);
  const own = {
    offsets: ints(batch.offsets),
    positions: ints(shared?.positions ?? positionsOf(batch)),
    allRows: ints(shared?.first ?? Int32Array.from(batch.ids.keys())),
  };
  const sharing = shared ? { source: ints(shared.source), pooled: ints(pooled) } : undefined;
  const softcap = attention === 'eager' ? config.attnLogitSoftcapping : 0;
  return {
    context: { config, softcap, ropeFrequencies: model.ropeFrequencies, ...own, shared: sharing, dropout },
    rows,
    close: () => dispose([rows, ...Object.values(own), ...Object.values(sharing ?? {})]),
  };
}

/** hidden [n, H] -> final norm -> logits [n, numLabels]. */
function head(model: GemmaClassifier, hidden: Tensor2D): { normed: Tensor2D; logits: Tensor2D } {
  const normed = rmsNormForward(hidden, model.norm.weight, model.config.rmsNormEps);
  return { normed, logits: matMul(normed, model.score.value as Tensor2D, false, true) };
}

/** dscore = dlogits^T normed, dnormed = dlogits score, then back through the final norm. */
function headBackward(
  model: GemmaClassifier,
  hidden: Tensor2D,
  lossOf: (logits: Tensor2D) => ReturnType<Loss>,
  lossScale: number,
): { loss: Scalar; logits: Tensor2D; gradient: Tensor2D } {
  const { normed, logits } = head(model, hidden);
  const { loss, dlogits: unscaled } = lossOf(logits);
  const dlogits = mul(unscaled, scalar(lossScale)) as Tensor2D;
  accumulate(model.score, matMul(dlogits, normed, true, false));
  const options = { weightGradient: model.norm.trained !== undefined };
  const dnormed = matMul(dlogits, model.score.value as Tensor2D) as Tensor2D;
  const { dx, dweight } = rmsNormBackward(dnormed, hidden, model.norm.weight, model.config.rmsNormEps, options);
  if (model.norm.trained) accumulate(model.norm.trained, dweight!);
  return { loss, logits, gradient: dx };
}
