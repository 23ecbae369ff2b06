/** @file A checkpoint's weights as the model holds them: checked, quantised on the way where asked for, on the engine. */

import type { Weights } from '@arena/files';
import type { FrozenWeight } from '@arena/lora/ops';
import { type FloatDtype, type Quantized4bit, type QuantType, quantize4bit, readQuantized } from '@arena/quant';
import { engineBlocks, uploadWeight4bit } from '@arena/quant/ops';
import { roundTo } from '@arena/quant/state';
import { keep, tensor2d } from '@tensorflow/tfjs-core';
import type { DecoderConfig } from './config.js';
import { DecoderError } from './error.js';

/**
 * How linears become 4-bit. The defaults are QLoRA's (Dettmers et al. 2023), not those of transformers'
 * BitsAndBytesConfig, which are `fp4` and single quantisation.
 */
export interface QuantizationOptions {
  /** Default `nf4`. */
  type?: QuantType;
  /** Default true. */
  doubleQuant?: boolean;
  /** Default 64. */
  blockSize?: number;
  /** Weights are rounded to this type first, as transformers does. Default the checkpoint's. */
  dtype?: FloatDtype;
  /** See {@link Quantize4bitOptions.nestedSearch}. */
  nestedSearch?: 'cuda' | 'cpu';
  /** Module paths (or their last names) that stay in float. */
  skipModules?: string[];
}

/** A model's tensors and what they are held against. */
export interface OpenedModel {
  weights: Weights;
  config: DecoderConfig;
}

/** A float tensor as float32. @throws DecoderError when it is missing, of another shape, or holds what is not finite. */
export async function readFloats(opened: OpenedModel, name: string, shape: number[]): Promise<Float32Array> {
  checkShape(opened, name, shape);
  const values = await opened.weights.readFloat32(name);
  const bad = firstNonFinite(values);
  if (bad >= 0)
    throw new DecoderError(
      'checkpoint',
      `${opened.weights.place}: '${name}' holds ${values[bad]} at ${bad}: the checkpoint is damaged`,
    );
  return values;
}

/** Index of the first NaN or infinity, or -1. A plain loop: a call a value would take longer than quantising. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

/** @throws DecoderError when the tensor is missing or not of the shape that config.json asks for. */
export function checkShape({ weights, config }: OpenedModel, name: string, shape: number[]): void {
  const { place } = weights;
  const entry = weights.tensors.get(name);
  if (!entry)
    throw new DecoderError('checkpoint', `${place}: tensor '${name}' is missing; its config.json asks for it`);
  if (entry.shape.join() !== shape.join()) {
    const heads = name.includes('.self_attn.') ? ` (head_dim ${config.layers[0].headDim})` : '';
    throw new DecoderError(
      'checkpoint',
      `${place}: '${name}' has shape [${entry.shape}], config.json asks for [${shape}]${heads}`,
    );
  }
}

/** A linear's weight [outFeatures, inFeatures] on the engine: 4-bit as it is stored, else quantised where that is asked for. */
export async function frozenWeight(
  opened: OpenedModel,
  { name, path, shape }: { name: string; path: string; shape: number[] },
  quantization: QuantizationOptions | undefined,
): Promise<FrozenWeight> {
  const stored = await readQuantized(opened.weights, name);
  if (stored) {
    checkStoredShape(opened, name, stored, shape);
    return keepWeight(uploadWeight4bit(stored));
  }
  const values = await readFloats(opened, name, shape);
  if (!quantization || isSkipped(path, quantization.skipModules)) {
    return keepWeight({ kind: 'float', tensor: tensor2d(values, shape as [number, number]) });
  }
  return keepWeight(uploadWeight4bit(quantizeWeight(values, shape, opened.config, quantization)));
}

function keepWeight(weight: FrozenWeight): FrozenWeight {
  const tensors = weight.kind === '4bit' ? Object.values(weight.tensors) : [weight.tensor];
  for (const tensor of tensors) if (tensor) keep(tensor);
  return weight;
}

/** @throws DecoderError when a 4-bit tensor is not of the shape that config.json asks for. */
export function checkStoredShape({ weights }: OpenedModel, name: string, stored: Quantized4bit, shape: number[]) {
  if (stored.shape.join() === shape.join()) return;
  throw new DecoderError(
    'checkpoint',
    `${weights.place}: '${name}' is 4-bit of shape [${stored.shape}], config.json asks for [${shape}]`,
  );
}

/** Rounds to the asked type, then quantises. */
export function quantizeWeight(
  values: Float32Array,
  shape: number[],
  config: Pick<DecoderConfig, 'dtype'>,
  { type = 'nf4', doubleQuant = true, blockSize = 64, dtype = config.dtype, nestedSearch }: QuantizationOptions,
): Quantized4bit {
  return quantize4bit(roundTo(values, dtype), shape, {
    type,
    doubleQuant,
    blockSize,
    dtype,
    nestedSearch,
    blocks: engineBlocks,
  });
}

/** transformers' rule: a module is skipped when its path, or a part of it at a dot, is in the list. */
export function isSkipped(path: string, skipModules: string[] = []): boolean {
  return skipModules.some((name) => path === name || path.startsWith(`${name}.`) || path.split('.').includes(name));
}
