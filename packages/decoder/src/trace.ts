/** @file The forward pass with every intermediate value in sight, under transformers' module names: to hold it beside another. */
import { gather, matMul, type Tensor, type Tensor2D, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { type AttentionSaved, attentionAttrs, attentionInputs, attentionOperands } from './attention-half.js';
import type { FlatBatch } from './batch.js';
import { headForward } from './head.js';
import { layerForward } from './layer.js';
import type { Classifier, Layer } from './model.js';
import { normForward } from './norm.js';
import { attentionProbabilities } from './ops/attention/reference.js';
import { embed, openPass, type Pass } from './pass.js';

type Trace = (name: string, value: Tensor) => void;

/** `forward` that shows every named value to `trace`: all tokens go through all layers. [n, numLabels] */
export async function forwardTraced(model: Classifier, batch: FlatBatch, trace: Trace): Promise<Tensor2D> {
  const x = await embed(model, batch);
  const pass = openPass(model, batch);
  const { rmsNormEps: eps } = model.config;
  trace('embed_scaled', x);
  const logits = tidy(() => {
    let hidden = x;
    for (const layer of model.layers) {
      const named: Trace = (name, value) => trace(`layer.${layer.index}.${name}`, value);
      const { y, saved } = layerForward(hidden, layer, { ...pass.context, trace: named });
      const { post_attention_layernorm } = layer.attention;
      const { post_feedforward_layernorm } = layer.mlp;
      named('post_attention_layernorm', normForward(saved.attention.a, post_attention_layernorm, eps));
      named('post_feedforward_layernorm', normForward(saved.mlp.d, post_feedforward_layernorm, eps));
      traceProbabilities(saved.attention, layer, pass, batch, named);
      hidden = y;
    }
    const normed = normForward(hidden, model.norm, eps);
    trace('norm', normed);
    trace('score_all_tokens', matMul(normed, model.score.value as Tensor2D, false, true));
    return headForward(model, gather(hidden, pass.rows)).logits;
  });
  x.dispose();
  pass.close();
  return logits;
}

function traceProbabilities(
  saved: AttentionSaved,
  { attention }: Layer,
  { context }: Pass,
  { ids, offsets }: FlatBatch,
  named: Trace,
) {
  const { q, k } = attentionOperands(saved, attention, context);
  // the reference reads these on the host, where a GPU's tensor is not once it was used
  const onHost = () => ({ offsets: tensor1d(offsets, 'int32'), rows: tensor1d(Int32Array.from(ids.keys()), 'int32') });
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const inputs = { ...attentionInputs(q, k, saved.v, context), ...onHost() };
    const probabilities = attentionProbabilities(inputs, attentionAttrs(attention.shape), sequence);
    named(`attn_probs.${sequence}`, probabilities);
  }
}
