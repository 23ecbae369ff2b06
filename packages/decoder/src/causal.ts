/**
 * @file Gemma's causal head, for scoring a few answer tokens ("A" against "B") without a head of its own:
 * logit of token v = cap * tanh((norm(h) . E[v]) / cap), h the last position, E the rows of the head, those of the embedding where the checkpoint has no `lm_head.weight`.
 */

import { matMul, mul, scalar, type Tensor2D, tanh, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { FlatBatch } from './batch.js';
import { DecoderError } from './error.js';
import type { Classifier } from './model.js';
import { rmsNormForward } from './ops/rms-norm/op.js';
import { pooledStates } from './pass.js';

/**
 * Logits that the causal model gives the tokens `tokenIds` to come after each sequence. [n, tokenIds.length], the caller
 * owns them. Only their rows of the embedding table are read; what the others would get is not formed. An adapter of the
 * model counts, its classifier head does not.
 * @throws DecoderError for an id outside the vocabulary; the signal's reason when aborted.
 */
export async function tokenLogits(
  model: Classifier,
  batch: FlatBatch,
  tokenIds: readonly number[],
  signal?: AbortSignal,
): Promise<Tensor2D> {
  const { hiddenSize, rmsNormEps, finalLogitSoftcapping: cap } = model.config;
  // Rows come unscaled: the factor sqrt(hidden_size) belongs to the way in.
  const rows = await outputRows(model, Int32Array.from(tokenIds));
  const hidden = await pooledStates(model, batch, signal);
  try {
    return tidy(() => {
      const normed = rmsNormForward(hidden, model.norm.weight, rmsNormEps);
      const logits = matMul(normed, tensor2d(rows, [tokenIds.length, hiddenSize]), false, true);
      return (cap ? mul(tanh(mul(logits, scalar(1 / cap))), scalar(cap)) : logits) as Tensor2D;
    });
  } finally {
    hidden.dispose();
  }
}

/** Rows of the causal head: its own, or those of the embedding table, the trained one where there is one. [ids.length * hiddenSize] */
async function outputRows({ causalHead, embedding, trainedEmbedding, config }: Classifier, ids: Int32Array) {
  if (causalHead) return causalHead.gather(ids, 1);
  if (!trainedEmbedding) return embedding.gather(ids, 1);
  const { hiddenSize, vocabSize } = config;
  const bad = ids.find((id) => id < 0 || id >= vocabSize);
  if (bad !== undefined) throw new DecoderError('batch', `token id ${bad} is outside the vocabulary of ${vocabSize}`);
  const table = await trainedEmbedding.value.data();
  const rows = new Float32Array(ids.length * hiddenSize);
  ids.forEach((id, i) => {
    rows.set(table.subarray(id * hiddenSize, (id + 1) * hiddenSize), i * hiddenSize);
  });
  return rows;
}
