/** @file A checkpoint cut to its lower layers: a smaller and faster model out of the same files. */
import type { Weights } from '@arena/files';
import { rewriteJson } from '@arena/safetensors/json';
import type { CheckpointView } from './checkpoint-view.js';
import { DecoderError } from './error.js';

/**
 * The checkpoint with its first layers alone, as transformers has it with `num_hidden_layers` set lower: the final norm and
 * the head follow the last layer that is left.
 * @param layers How many layers stay, at least 1.
 * @throws DecoderError when the checkpoint has fewer layers.
 */
export function lowerLayers({ weights, config }: CheckpointView, layers: number): CheckpointView {
  const there = 1 + Math.max(...[...weights.tensors.keys()].map(layerOf));
  if (!Number.isInteger(layers) || layers < 1 || layers > there) {
    throw new DecoderError('argument', `${weights.place}: it has ${there} layers; ${layers} of them cannot be taken`);
  }
  return { weights: withoutLayersFrom(weights, layers), config: cutConfig(config, layers) };
}

function cutConfig(text: string, layers: number): string {
  return rewriteJson(text, ({ layer_types: types, ...json }) => ({
    ...json,
    num_hidden_layers: layers,
    ...(Array.isArray(types) ? { layer_types: types.slice(0, layers) } : {}),
  }));
}

function withoutLayersFrom(weights: Weights, layers: number): Weights {
  const kept = [...weights.tensors].filter(([name]) => layerOf(name) < layers);
  return {
    place: weights.place,
    tensors: new Map(kept),
    readFloat32: (name, rows) => weights.readFloat32(name, rows),
    readStored: (name) => weights.readStored(name),
    close: () => weights.close(),
  };
}

/** The layer of a tensor, -1 for those outside the layers. */
function layerOf(name: string): number {
  return Number(/^model\.layers\.(\d+)\./.exec(name)?.[1] ?? -1);
}
