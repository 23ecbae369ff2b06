/** @file A reward model: it scores each answer alone, and learns preferences by Bradley-Terry. */
import { answerPacker, COMPACT_ANSWER_FRAME, GEMMA_ANSWER_FRAME, pairTargets } from '@arena/data';
import type { AnswerPackOptions } from '@arena/data/pack';
import { bradleyTerry } from '@arena/decoder/losses';
import { JudgeError } from '../error.js';
import type { TrainingSettings } from '../settings.js';
import { type Labelling, logSoftmax, type Objective, type Verdict } from './objective.js';

/** The objective of a reward model. Label smoothing moves the targets towards 1/2. */
export function reward(pack: AnswerPackOptions, { labelSmoothing = 0, softLabels = 0 }: Labelling = {}): Objective {
  return {
    head: 'reward',
    pack,
    labels: 1,
    knowsTies: false,
    ordered: false,
    packer: (tokenizer) => answerPacker(tokenizer, pack),
    loss: bradleyTerry,
    targets: (batch) =>
      pairTargets(batch, { softShare: softLabels }).map((p) => (1 - labelSmoothing) * p + labelSmoothing / 2),
    verdict,
  };
}

/**
 * The reward model for settings.
 * @throws JudgeError for settings that do not apply to it.
 */
export function rewardOf(settings: TrainingSettings): Objective {
  const { maxTokens, frame, swapAugment } = settings;
  if (settings.classes === 3)
    throw new JudgeError(
      'settings',
      '`classes` 3 is for cross entropy: a reward model makes ties half of each (`ties` half)',
    );
  if (swapAugment)
    throw new JudgeError(
      'settings',
      '`swapAugment` changes nothing with `loss` bradley-terry, which sees each answer alone',
    );
  const pack = { maxTokens, frame: frame === 'compact' ? COMPACT_ANSWER_FRAME : GEMMA_ANSWER_FRAME };
  return reward(pack, settings);
}

/** Rewards a and b are two classes: sigmoid(a - b) is a's softmax. */
function verdict(logits: ArrayLike<number>): Verdict {
  const [first, second] = Array.from(logits);
  const [logA, logB] = logSoftmax([first, second]);
  return {
    a: 1 / (1 + Math.exp(second - first)),
    b: 1 / (1 + Math.exp(first - second)),
    tie: 0,
    log: { a: logA, b: logB, tie: Number.NEGATIVE_INFINITY },
    rewards: [first, second],
  };
}
