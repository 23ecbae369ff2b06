/** @file A classifier of two or three classes that sees both answers: A, B and, with three, tie. */
import { COMPACT_FRAME, classTargets, GEMMA_FRAME, type PackOptions, packer } from '@arena/data';
import { smoothedCrossEntropy } from '@arena/decoder/losses';
import type { TrainingSettings } from '../settings.js';
import { type Labelling, logSoftmax, type Objective, type Verdict } from './objective.js';

/** The objective of a classifier. The loss applies label smoothing. */
export function classes(
  pack: PackOptions,
  count: 2 | 3,
  { labelSmoothing = 0, softLabels = 0 }: Labelling = {},
): Objective {
  return {
    head: 'classes',
    pack,
    labels: count,
    knowsTies: count === 3,
    ordered: true,
    packer: (tokenizer) => packer(tokenizer, pack),
    loss: smoothedCrossEntropy(labelSmoothing),
    targets: (batch) => classTargets(batch, { classes: count, softShare: softLabels }),
    verdict,
  };
}

/** The classifier for settings. */
export function classesOf(settings: TrainingSettings): Objective {
  const { maxTokens, frame } = settings;
  const pack = { maxTokens, frame: frame === 'compact' ? COMPACT_FRAME : GEMMA_FRAME };
  return classes(pack, settings.classes, settings);
}

function verdict(logits: ArrayLike<number>): Verdict {
  const [a, b, tie = 0] = softmax(logits);
  const [logA, logB, logTie = Number.NEGATIVE_INFINITY] = logSoftmax(logits);
  return { a, b, tie, log: { a: logA, b: logB, tie: logTie } };
}

/** softmax in float32, rounded where a float32 engine rounds: the same bits. */
function softmax(logits: ArrayLike<number>): number[] {
  const top = Math.max(...Array.from(logits));
  const powers = Array.from(logits, (value) => Math.fround(Math.exp(Math.fround(value - top))));
  const total = Math.fround(powers.reduce((sum, power) => sum + power, 0));
  return powers.map((power) => Math.fround(power / total));
}
