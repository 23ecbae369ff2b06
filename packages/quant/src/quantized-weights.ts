/**
 * @file The linear layers of a model in 4 bits, in the form of bitsandbytes and transformers: reading and making them.
 */

import type { Weights } from '@arena/files';
import { storedBytes } from '@arena/files/source';
import type { SafeTensor, TensorInput } from '@arena/safetensors';
import { floatWeights, isDtype, weightsView } from '@arena/safetensors/tensor';
import { roundTo } from './dequantize.js';
import { QuantError } from './error.js';
import { type Quantize4bitOptions, type Quantized4bit, quantize4bit } from './quantize.js';
import { findState, parseState, serializeState, stateTensors } from './state.js';
import type { QuantType } from './tables.js';

/**
 * The 4-bit weight that a model holds under `name`, or undefined when it holds another tensor or none.
 * @throws QuantError naming a tensor that is missing or does not fit.
 */
export async function readQuantized(weights: Weights, name: string): Promise<Quantized4bit | undefined> {
  const state = findState(weights.tensors, name);
  if (state === undefined) return undefined;
  const tensors = new Map<string, SafeTensor>();
  for (const key of stateTensors(name, state)) {
    const entry = weights.tensors.get(key);
    if (!entry || !isDtype(entry.stored)) continue; // parseState reports it as missing
    const { shape, stored: dtype } = entry;
    tensors.set(key, { name: key, dtype, shape, data: await storedBytes(weights, key) });
  }
  try {
    return parseState(name, tensors);
  } catch (error) {
    throw new QuantError('state', `${weights.place}: ${(error as Error).message}`);
  }
}

/** The weights to quantise, and how. Values are rounded to `dtype` first, like transformers does. */
export interface QuantizedWeightsOptions extends Quantize4bitOptions {
  /** Names of the matrices to quantise. The other tensors do not change. */
  names: Iterable<string>;
  /** Called at the start, and after each matrix. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * A model with some of its matrices in 4 bits: its name holds the codes, beside the tensors of its state. Quantises
 * now, one matrix at a time. All codes stay in memory with the view. With `blocks: engineBlocks` of `@arena/quant/ops`
 * engine `wasm` is several times as fast, with the same bits.
 * @throws QuantError naming a matrix that is missing, or quantised already.
 * @example
 * const weights = await openWeights('model');
 * const view = await quantizedWeights(weights, { names: ['model.layers.0.mlp.up_proj.weight'], doubleQuant: true });
 */
export async function quantizedWeights(
  weights: Weights,
  { names, onProgress, signal, ...options }: QuantizedWeightsOptions,
): Promise<Weights> {
  const wanted = new Set(names);
  for (const name of wanted) {
    const entry = weights.tensors.get(name);
    if (!entry)
      throw new QuantError('weights', `${weights.place}: tensor '${name}' is missing; its config.json asks for it`);
    if (entry.stored === 'U8') throw new QuantError('weights', `${weights.place}: '${name}' is quantised already`);
  }
  const tensors: (string | TensorInput)[] = [];
  let done = 0;
  onProgress?.(done, wanted.size);
  for (const [name, { shape }] of weights.tensors) {
    if (!wanted.has(name)) {
      tensors.push(name);
      continue;
    }
    signal?.throwIfAborted();
    const values = roundTo(await weights.readFloat32(name), options.dtype ?? 'float32');
    tensors.push(...serializeState(name, quantize4bit(values, [...shape], options)));
    onProgress?.(++done, wanted.size);
  }
  return weightsView(floatWeights(weights), tensors);
}

/** `quantization_config` of a config.json, as transformers writes it for such a model. */
export function quantizationConfig({ type = 'nf4', doubleQuant = false }: { type?: QuantType; doubleQuant?: boolean }) {
  return {
    _load_in_4bit: true,
    _load_in_8bit: false,
    bnb_4bit_compute_dtype: 'float32',
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: type,
    bnb_4bit_use_double_quant: doubleQuant,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: null,
    llm_int8_threshold: 6,
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: 'bitsandbytes',
  };
}
