/** @file The two kinds of head on the way in: how battles are packed for them, their targets, loss and measure. */
import {
  answerPacker,
  type Batch,
  type Battle,
  batches,
  COMPACT_ANSWER_FRAME,
  COMPACT_FRAME,
  classTargets,
  GEMMA_ANSWER_FRAME,
  GEMMA_FRAME,
  type Packed,
  type PackTokenizer,
  packer,
  pairTargets,
} from '@arena/data';
import { bradleyTerry, type Classifier, forward, type Loss, smoothedCrossEntropy } from '@arena/decoder';
import type { Head } from './model-card.js';
import type { TrainingSettings } from './training.js';

type LabelSettings = Pick<TrainingSettings, 'loss' | 'classes' | 'labelSmoothing' | 'softLabels'>;

/** The head that the settings ask for. */
export function headOf({ loss, maxTokens, frame }: Pick<TrainingSettings, 'loss' | 'maxTokens' | 'frame'>): Head {
  const compact = frame === 'compact';
  return loss === 'bradley-terry'
    ? { head: 'reward', pack: { maxTokens, frame: compact ? COMPACT_ANSWER_FRAME : GEMMA_ANSWER_FRAME } }
    : { head: 'classes', pack: { maxTokens, frame: compact ? COMPACT_FRAME : GEMMA_FRAME } };
}

/** Makes a function that packs battles for the head. */
export function headPacker({ head, pack }: Head, tokenizer: PackTokenizer): (battle: Battle) => Packed {
  return head === 'reward' ? answerPacker(tokenizer, pack) : packer(tokenizer, pack);
}

/** Labels of a head: 1 for a reward. */
export function labelCount({ loss, classes }: LabelSettings): number {
  return loss === 'bradley-terry' ? 1 : classes;
}

/** Label smoothing is the loss's own with classes; for pairs the targets are drawn towards 1/2. */
export function lossOf({ loss, labelSmoothing }: LabelSettings): Loss {
  return loss === 'bradley-terry' ? bradleyTerry : smoothedCrossEntropy(labelSmoothing);
}

/** What {@link lossOf} is given for a batch. */
export function targetsOf(batch: Batch, { loss, classes, labelSmoothing, softLabels }: LabelSettings): number[] {
  if (loss !== 'bradley-terry') return classTargets(batch, { classes, softShare: softLabels });
  const targets = pairTargets(batch, { softShare: softLabels });
  return targets.map((p) => (1 - labelSmoothing) * p + labelSmoothing / 2);
}

/** Tokens of a forward pass of {@link measure}. */
const MEASURE_TOKENS = 4096;

/**
 * Mean loss against the votes and share of votes predicted right, over packed battles; those without a vote are passed
 * over. With two classes, and with rewards, a tie is half of each: half right whatever is said.
 */
export async function measure(
  model: Classifier,
  packed: Packed[],
  signal?: AbortSignal,
): Promise<{ loss: number; accuracy: number }> {
  const voted = packed.filter(({ label }) => label >= 0);
  const sums = { loss: 0, accuracy: 0 };
  for (const { ids, offsets, labels } of batches(voted, { tokensPerBatch: MEASURE_TOKENS, order: 'sequential' })) {
    const logits = await forward(model, { ids, offsets }, signal);
    const values = await logits.data();
    const width = logits.size / labels.length; // rewards a and b are two classes: sigmoid(a - b) is a's softmax
    logits.dispose();
    labels.forEach((label, i) => {
      const row = Array.from(values.subarray(i * width, (i + 1) * width));
      const target = row.map((_, k) => (label === 2 && width === 2 ? 0.5 : Number(k === label)));
      const top = Math.max(...row);
      const normalizer = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
      sums.loss += row.reduce((sum, value, k) => sum + target[k] * (normalizer - value), 0);
      sums.accuracy += target[row.indexOf(top)];
    });
  }
  return { loss: sums.loss / voted.length, accuracy: sums.accuracy / voted.length };
}
