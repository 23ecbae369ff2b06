/** @file Which objective settings, or a trained model's card, speak of. */
import { JudgeError } from '../error.js';
import type { TrainingSettings } from '../settings.js';
import { classes, classesOf } from './classes.js';
import type { Head, Objective } from './objective.js';
import { reward, rewardOf } from './reward.js';

const OF_LOSS = { 'cross-entropy': classesOf, 'bradley-terry': rewardOf };

/** The objective that settings ask for. @throws JudgeError when they contradict each other. */
export function objectiveOf(settings: TrainingSettings): Objective {
  return OF_LOSS[settings.loss](settings);
}

/** The labels that a head of each kind can have. */
const LABELS = { classes: [2, 3], reward: [1] };

/**
 * The objective of a trained model, to predict with.
 * @param labels Rows of its head.
 * @param place What messages call the model.
 * @throws JudgeError when such a head has other labels.
 */
export function objectiveOfCard(card: Head, labels: number, place = 'the model'): Objective {
  const expected = LABELS[card.head];
  if (!expected.includes(labels)) {
    throw new JudgeError(
      'card',
      `${place}: its head has ${labels} labels, arena.json says '${card.head}', which has ${expected.join(' or ')}`,
    );
  }
  return card.head === 'reward' ? reward(card.pack) : classes(card.pack, labels as 2 | 3);
}
