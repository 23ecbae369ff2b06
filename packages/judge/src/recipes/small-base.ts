/** @file The recipe `small-base`: few votes on a base of fewer than 1 billion parameters. */
import type { Recipe } from './recipe.js';

/**
 * Found on Gemma 3 270M (Q4_K_M) and 1,922 human votes (PandaLM, LLMBar, LLMEval^2), split by prompt into 1,345, 192 and 385.
 *
 * A reward model beats a classifier of both answers there, adapters in all linears of all layers beat q, k and v of the upper ones,
 * and few gentle steps carry over where more do not: after the first epoch the judge grows overconfident.
 *
 * So far the figures are those of transformers and PEFT with these settings, seed 42, without choosing a step: test accuracy 0.644
 * to 0.649 [0.597, 0.699], log loss 0.668, 0.639 with the temperature of the validation part; "the longer answer wins" has 0.573.
 * A second epoch has 0.634 and 1.249 (at twice the rate); a classifier on q, k and v of layers 6 to 17 has 0.569 and 0.707.
 * Arena, seeds 42, 43 and 44: 0.625 (0.613 to 0.644) and 0.665, 0.654 with the temperature: docs/benchmarks/real-votes.md.
 */
export const smallBase: Recipe = {
  name: 'small-base',
  purpose: 'a base of fewer than 1 billion parameters, such as Gemma 3 270M, and some thousand votes',
  settings: {
    loss: 'bradley-terry',
    frame: 'chat',
    maxTokens: 512,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    firstLayer: 0,
    rank: 16,
    alpha: 32,
    dropout: 0.05,
    learningRate: 1e-4,
    epochs: 1,
    batchSize: 8,
    evalEvery: 0.2,
    metric: 'loss',
  },
};
