/** @file Chooses the objective for settings, or for a trained model's card. */
import { JudgeError } from '../error.js';
import type { TrainingSettings } from '../settings.js';
import { classes, classesOf } from './classes.js';
import type { Head, Objective } from './objective.js';
import { reward, rewardOf } from './reward.js';

const OF_LOSS = { 'cross-entropy': classesOf, 'bradley-terry': rewardOf };

/** The objective for settings. @throws JudgeError when they contradict each other. */
export function objectiveOf(settings: TrainingSettings): Objective {
  return OF_LOSS[settings.loss](settings);
}

/** The numbers of labels that each kind of head can have. */
const LABELS = { classes: [2, 3], reward: [1] };

/**
 * The objective of a trained model, for predictions.
 * @param labels Rows of its head.
 * @param place Name of the model in messages.
 * @throws JudgeError when the head has another number of labels.
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
