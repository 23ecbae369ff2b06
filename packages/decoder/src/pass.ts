/** @file A pass over a flat batch: what its layers share, the way in, and the forward pass of the classifier. */
import {
  dispose,
  gather,
  mul,
  scalar,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import { type FlatBatch, pooledRows, positionsOf } from './batch.js';
import { headForward } from './head.js';
import { layerForward } from './layer.js';
import type { DropoutStep } from './linear.js';
import type { Classifier, Layer } from './model.js';
import { checkHead } from './new-head.js';
import type { PassContext } from './pass-context.js';
import { pause } from './pause.js';
import { type SharedTokens, sharePrefixes } from './shared-prefix.js';

/**
 * Logits of each sequence. [n, numLabels], the caller owns them. What a sequence begins with like the one before it is computed once.
 * @param signal Heard between layers.
 * @throws DecoderError for an id outside the vocabulary, or where the model has no head; the signal's reason when aborted.
 */
export async function forward(model: Classifier, batch: FlatBatch, signal?: AbortSignal): Promise<Tensor2D> {
  checkHead(model);
  const hidden = await pooledStates(model, batch, signal);
  try {
    return tidy(() => headForward(model, hidden).logits);
  } finally {
    hidden.dispose();
  }
}

/** What the last layer gives for the token of each sequence that the head reads, before the final norm. [n, hiddenSize] */
export async function pooledStates(model: Classifier, batch: FlatBatch, signal?: AbortSignal): Promise<Tensor2D> {
  const shared = sharePrefixes(batch);
  let hidden = await embed(model, shared ?? batch);
  const pass = openPass(model, batch, { shared });
  try {
    for (const layer of model.layers) {
      await pause(signal);
      const { y, saved } = layerForward(hidden, layer, pass.context, rowsThatLeave(model, layer, pass));
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

/** The tensors of one pass. */
export interface Pass {
  context: PassContext;
  /** The token of each sequence that the head reads. int32 [n] */
  rows: Tensor1D;
  close(): void;
}

/** `shared`: the pass goes over the tokens that {@link sharePrefixes} left. */
export function openPass(
  { config }: Classifier,
  batch: FlatBatch,
  { dropout, shared }: { dropout?: DropoutStep; shared?: SharedTokens | null } = {},
): Pass {
  const ints = (values: Int32Array) => tensor1d(values, 'int32');
  const pooled = pooledRows(batch, config.padTokenId);
  const rows = ints(shared ? pooled.map((row) => shared.source[row]) : pooled);
  const own = {
    offsets: ints(batch.offsets),
    positions: ints(shared?.positions ?? positionsOf(batch)),
    allRows: ints(shared?.first ?? Int32Array.from(batch.ids.keys())),
  };
  const sharing = shared ? { source: ints(shared.source), pooled: ints(pooled) } : undefined;
  return {
    context: { eps: config.rmsNormEps, ...own, shared: sharing, dropout },
    rows,
    close: () => dispose([rows, ...Object.values(own), ...Object.values(sharing ?? {})]),
  };
}

/** In the last layer only the tokens that the head reads leave. */
export function rowsThatLeave({ layers }: Classifier, { index }: Layer, { rows }: Pass): Tensor1D | undefined {
  return index === layers.length - 1 ? rows : undefined;
}

/** The rows of the embedding table, scaled. [tokens, hiddenSize] */
export async function embed(model: Classifier, { ids }: Pick<FlatBatch, 'ids'>): Promise<Tensor2D> {
  const { embeddingScale, hiddenSize } = model.config;
  if (model.trainedEmbedding) {
    const table = model.trainedEmbedding.value;
    return tidy(() => mul(gather(table, tensor1d(ids, 'int32')), scalar(embeddingScale)) as Tensor2D);
  }
  return tensor2d(await model.embedding.gather(ids, embeddingScale), [ids.length, hiddenSize]);
}
