/** @file The shapes that the peer's figures were taken at, and the work in one step of each. */
import { GEMMA2_2B, linearModules } from '@arena/gemma';

const shape = (fields) => ({
  ...GEMMA2_2B,
  vocabSize: 8192,
  dtype: 'float32',
  ...fields,
  slidingLayers: Array.from({ length: fields.numHiddenLayers }, (_, i) => i % 2 === 0),
});

/** LoRA on all seven linears of every layer from `firstLayer`; `peerSeconds` and `peerGiB` are the Python stack's on two cores. */
export const SHAPES = {
  tiny: {
    config: shape({
      hiddenSize: 256,
      intermediateSize: 1024,
      numHiddenLayers: 4,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 64,
      queryPreAttnScalar: 64,
    }),
    lengths: [512, 512, 512, 512],
    firstLayer: 0,
    peerSeconds: 0.7,
    peerGiB: 1.25,
  },
  mid: {
    config: shape({
      hiddenSize: 768,
      intermediateSize: 3072,
      numHiddenLayers: 8,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 192,
      queryPreAttnScalar: 192,
    }),
    lengths: [1024],
    firstLayer: 0,
    peerSeconds: 3.2,
    peerGiB: 2.28,
  },
  wide2: {
    config: shape({ numHiddenLayers: 2, hiddenSize: 2304 }),
    lengths: [1900],
    firstLayer: 0,
    peerSeconds: 11.6,
    peerGiB: 2.92,
  },
  full: {
    config: GEMMA2_2B,
    lengths: [1900],
    firstLayer: 6,
    peerSeconds: 251,
    peerGiB: 5.92,
  },
};

/**
 * Multiply-adds of a step times two, without recomputation: linears forward in all layers, dX in the trained ones (the lowest
 * needs none for q, k and v), the last layer for one token a sequence but for K and V; causal attention, backward 2.5 times
 * forward. Adapters, norms and the optimizer are left out.
 */
export function stepFlops({ config, lengths, firstLayer }) {
  const tokens = lengths.reduce((a, b) => a + b, 0);
  const last = config.numHiddenLayers - 1;
  let linear = 0;
  for (const { layer, name, inFeatures, outFeatures } of linearModules(config)) {
    const rows = layer === last && !/[kv]_proj/.test(name) ? lengths.length : tokens;
    const forward = 2 * rows * inFeatures * outFeatures;
    const backward = layer > firstLayer || (layer === firstLayer && !/[qkv]_proj/.test(name)) ? forward : 0;
    linear += forward + backward;
  }
  let attention = 0;
  for (let layer = 0; layer < last; layer++) {
    for (const length of lengths) {
      const forward = 2 * length * length * config.numAttentionHeads * config.headDim; // QK and PV over half of the square
      attention += layer >= firstLayer ? 3.5 * forward : forward;
    }
  }
  return { linear, attention, total: linear + attention };
}
