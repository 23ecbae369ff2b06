/** @file Heads that were drawn because nobody has trained one: their scores say nothing until training begins. */

import type { Parameter } from '@arena/runtime';
import { DecoderError } from './error.js';
import type { Classifier } from './model.js';

const newHeads = new WeakSet<Parameter>();

/** Notes that a head was drawn without being asked for. */
export function noteNewHead(score: Parameter): Parameter {
  newHeads.add(score);
  return score;
}

/** The model is trained from here on. */
export function trainHead({ score }: Classifier): void {
  newHeads.delete(score);
}

/** @throws DecoderError when the model's head is neither of the checkpoint nor of an adapter, and is not in training. */
export function checkHead({ score }: Classifier): void {
  if (!newHeads.has(score)) return;
  throw new DecoderError(
    'adapter',
    'the model has no score head: neither the checkpoint nor the adapter holds a score.weight, and a drawn one would give random ' +
      'scores. Load an adapter with its head, train one, or draw one on purpose with scoreSeed',
  );
}
