/** @file A checkpoint's weights as the model holds them: checked, quantised on the way where asked for, on the engine. */

import type { Weights } from '@arena/files';
import { storedBytes } from '@arena/files/source';
import type { FrozenWeight } from '@arena/lora/ops';
import {
  dequantize4bit,
  type FloatDtype,
  QuantError,
  type Quantized4bit,
  type QuantType,
  quantize4bit,
  readQuantized,
} from '@arena/quant';
import {
  type BlockType,
  engineBlocks,
  isBlockType,
  linearBlocksOp,
  uploadBlocks,
  uploadWeight4bit,
} from '@arena/quant/ops';
import { findState, roundTo } from '@arena/quant/state';
import { currentEngine, hasKernel } from '@arena/runtime/op';
import { isDtype } from '@arena/safetensors/tensor';
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

/**
 * How linears are held on the engine: options to quantise floats and blocks of ggml to 4 bits, `none` for float32
 * whatever the checkpoint has, undefined for what it has: floats, 4 bits, or blocks where the engine has kernels for them.
 */
export type Quantization = QuantizationOptions | 'none' | undefined;

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

const FLOATS = ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'];

/**
 * Checks that a tensor without a 4-bit state is the weight itself.
 * @throws DecoderError when it holds whole numbers, or scales of another kind of quantisation stand beside it.
 */
export function checkFloats({ tensors, place }: Weights, name: string): void {
  const { stored } = tensors.get(name)!;
  const kind =
    isDtype(stored) && !FLOATS.includes(stored) ? `holds ${stored} and has no 4-bit state beside it` : undefined;
  const beside = [`${name}_scale`, `${name}_scale_inv`, name.replace(/weight$/, 'SCB')].find((one) => tensors.has(one));
  if (!kind && !beside) return;
  throw new DecoderError(
    'checkpoint',
    `${place}: '${name}' ${kind ?? `has scales beside it ('${beside}')`}: floats and bitsandbytes' 4 bits are read here, save the model in one of them`,
  );
}

/** @throws DecoderError when the tensor is missing or not of the shape that config.json asks for. */
export function checkShape({ weights, config }: OpenedModel, name: string, shape: number[]): void {
  const { place } = weights;
  const entry = weights.tensors.get(name);
  if (!entry) {
    const first = weights.tensors.keys().next().value;
    const there = first === undefined ? '' : ` (the file has ${weights.tensors.size} others, such as '${first}')`;
    throw new DecoderError('checkpoint', `${place}: tensor '${name}' is missing; its config.json asks for it${there}`);
  }
  checkFloats(weights, name);
  if (entry.shape.join() !== shape.join()) {
    const heads = name.includes('.self_attn.') ? ` (head_dim ${config.layers[0].headDim})` : '';
    throw new DecoderError(
      'checkpoint',
      `${place}: '${name}' has shape [${entry.shape}], config.json asks for [${shape}]${heads}`,
    );
  }
}

/** Matrices in blocks that the engine has no kernels for, and that are held in float32 therefore. */
export interface Widened {
  types: Set<string>;
  matrices: number;
  bytes: number;
}

/** Says that matrices were widened. */
export function widenedNote({ types, matrices, bytes }: Widened): string {
  const names = [...types].sort().join(', ');
  const held = matrices === 1 ? '1 matrix is' : `${matrices} matrices are`;
  return `engine ${currentEngine()} has no kernels for blocks of ${names}: ${held} held in float32, ${Math.ceil(bytes / 1e6)} MB`;
}

/** How a linear is held on the engine: see {@link Quantization}. `codes` are 4 bits as the checkpoint has them. */
export function heldAs(
  { tensors }: Pick<Weights, 'tensors'>,
  { name, path }: { name: string; path: string },
  quantization: Quantization,
): 'codes' | 'blocks' | 'quantised' | 'float' {
  if (quantization === 'none') return 'float';
  if (findState(tensors, name) !== undefined) return 'codes';
  if (quantization) return isSkipped(path, quantization.skipModules) ? 'float' : 'quantised';
  return isBlockType(tensors.get(name)?.stored ?? '') && hasKernel(linearBlocksOp) ? 'blocks' : 'float';
}

/** A linear's weight [outFeatures, inFeatures] on the engine, held as {@link heldAs} says. Blocks that were widened for want of kernels are noted. */
export async function frozenWeight(
  opened: OpenedModel,
  place: { name: string; path: string; shape: number[] },
  quantization: Quantization,
  widened: Widened,
): Promise<FrozenWeight> {
  const { name, shape } = place;
  const { weights, config } = opened;
  const held = heldAs(weights, place, quantization);
  if (held === 'blocks') return keepWeight(await readBlocks(opened, name, shape));
  const stored = await readQuantized(weights, name);
  if (stored) {
    checkStoredShape(opened, name, stored, shape);
    return keepWeight(held === 'codes' ? uploadWeight4bit(stored) : floatWeight(dequantize4bit(stored), shape));
  }
  const values = await readFloats(opened, name, shape);
  if (held === 'quantised') {
    return keepWeight(uploadWeight4bit(quantizeWeight(values, shape, config, quantization as QuantizationOptions)));
  }
  const type = weights.tensors.get(name)!.stored;
  if (quantization === undefined && !isDtype(type)) {
    widened.types.add(type);
    widened.matrices++;
    widened.bytes += 4 * values.length;
  }
  return keepWeight(floatWeight(values, shape));
}

/** A matrix in blocks, as it is stored. @throws DecoderError naming the tensor that is of another shape or damaged. */
async function readBlocks(opened: OpenedModel, name: string, shape: number[]): Promise<FrozenWeight> {
  const { weights } = opened;
  checkShape(opened, name, shape);
  try {
    return uploadBlocks(weights.tensors.get(name)!.stored as BlockType, await storedBytes(weights, name), shape);
  } catch (error) {
    if (!(error instanceof QuantError)) throw error;
    throw new DecoderError('checkpoint', `${weights.place}: '${name}': ${error.message}: the checkpoint is damaged`, {
      cause: error,
    });
  }
}

function floatWeight(values: Float32Array, shape: number[]): FrozenWeight {
  return { kind: 'float', tensor: tensor2d(values, shape as [number, number]) };
}

function keepWeight(weight: FrozenWeight): FrozenWeight {
  const tensors = weight.kind === 'float' ? [weight.tensor] : Object.values(weight.tensors);
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
