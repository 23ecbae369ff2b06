/** @file A checkpoint wherever it is: in a folder, or open already (a view that is not written yet, another format). */

import type { Location, Weights } from '@arena/files';
import { placeName } from '@arena/files/source';
import { readTextAt } from '@arena/files/text';
import { openWeights } from '@arena/safetensors';
import { DecoderError } from './error.js';
import { textPart, textWeights } from './text-part.js';

/** A checkpoint that is open: its tensors by Hugging Face's names. Close the weights when done. */
export interface CheckpointView<W extends Weights = Weights> {
  weights: W;
  /** Text of its config.json. */
  config: string;
}

/** A checkpoint's folder (a path, an address, or a function that opens its files), or one that is open. */
export type CheckpointSource = Location | CheckpointView;

/** Largest config.json that is read. */
const MAX_CONFIG_BYTES = 10e6;

/** The text of config.json, a text model's out of a multimodal one, and its path for messages. @throws DecoderError when there is none. */
export async function configText(source: CheckpointSource): Promise<{ text: string; path: string }> {
  if (typeof source === 'object') return { text: source.config, path: `${source.weights.place}/config.json` };
  const path = `${placeName(source)}/config.json`;
  const text = await readTextAt(source, 'config.json', {
    maxBytes: MAX_CONFIG_BYTES,
    fail: (reason) => new DecoderError('checkpoint', `${path}: ${reason}`),
  });
  if (text === null)
    throw new DecoderError(
      'checkpoint',
      `${path}: cannot be read (ENOENT); a checkpoint as Hugging Face keeps it is expected`,
    );
  return { text: textPart(text), path };
}

/** The tensors of a checkpoint; those of a folder are opened, and named as a text model's. */
export async function weightsOf(source: CheckpointSource): Promise<Weights> {
  return typeof source === 'object' ? source.weights : textWeights(await openWeights(source));
}

/** A checkpoint that is open; one that is not is opened, and its weights are the caller's to close. */
export async function openedView(source: CheckpointSource): Promise<CheckpointView> {
  if (typeof source === 'object') return source;
  const { text } = await configText(source);
  return { weights: await weightsOf(source), config: text };
}
