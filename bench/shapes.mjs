/** @file The shapes that the peer's figures were taken at, and the work in one step of each. */
import { linearModules } from '@arena/decoder/family';
import { GEMMA2_2B, GEMMA3_270M } from '@arena/gemma';

const shape = (fields) => ({
  ...GEMMA2_2B,
  vocab_size: 8192,
  torch_dtype: 'float32',
  ...fields,
});

/** config.json of google/gemma-3-1b-pt, by what differs from the 270M. */
const GEMMA3_1B = {
  ...GEMMA3_270M,
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
};

/** LoRA on `targets`, all seven linears where there are none, of every layer from `firstLayer`; `peerSeconds` and `peerGiB` are the Python stack's on two cores. */
export const SHAPES = {
  tiny: {
    config: shape({
      hidden_size: 256,
      intermediate_size: 1024,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 64,
      query_pre_attn_scalar: 64,
    }),
    lengths: [512, 512, 512, 512],
    firstLayer: 0,
    peerSeconds: 0.7,
    peerGiB: 1.25,
  },
  mid: {
    config: shape({
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 8,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 192,
      query_pre_attn_scalar: 192,
    }),
    lengths: [1024],
    firstLayer: 0,
    peerSeconds: 3.2,
    peerGiB: 2.28,
  },
  wide2: {
    config: shape({ num_hidden_layers: 2, hidden_size: 2304 }),
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
  'gemma3-270m': {
    config: GEMMA3_270M,
    lengths: Array.from({ length: 8 }, () => 512),
    firstLayer: 6,
    targets: ['q_proj', 'k_proj', 'v_proj'],
  },
  // the first step of the recipe small-base on real votes: eight battles, each answer alone
  'gemma3-270m-votes': {
    config: GEMMA3_270M,
    lengths: [512, 264, 230, 73, 243, 220, 69, 64, 54, 98, 60, 81, 105, 110, 37, 131],
    firstLayer: 0,
  },
  'gemma3-1b': {
    config: GEMMA3_1B,
    lengths: [512, 512],
    firstLayer: 6,
    targets: ['q_proj', 'k_proj', 'v_proj'],
  },
};

/**
 * Multiply-adds of a step times two, without recomputation: linears forward in all layers, dX in the trained ones (the lowest
 * needs none for q, k and v), the last layer for one token a sequence but for K and V; causal attention within each layer's window,
 * backward 2.5 times forward. Adapters, norms and the optimizer are left out.
 * @param config A DecoderConfig.
 */
export function stepFlops(config, { lengths, firstLayer }) {
  const tokens = lengths.reduce((a, b) => a + b, 0);
  const last = config.layers.length - 1;
  let linear = 0;
  for (const { layer, name, inFeatures, outFeatures } of linearModules(config)) {
    const rows = layer === last && !/[kv]_proj/.test(name) ? lengths.length : tokens;
    const forward = 2 * rows * inFeatures * outFeatures;
    const backward = layer > firstLayer || (layer === firstLayer && !/[qkv]_proj/.test(name)) ? forward : 0;
    linear += forward + backward;
  }
  let attention = 0;
  for (const [layer, { heads, headDim, window }] of config.layers.slice(0, last).entries()) {
    for (const length of lengths) {
      const reach = window ? Math.min(window, length) : length;
      const forward = 4 * (length - reach / 2) * reach * heads * headDim; // QK and PV, half of the square within reach
      attention += layer >= firstLayer ? 3.5 * forward : forward;
    }
  }
  return { linear, attention, total: linear + attention };
}
