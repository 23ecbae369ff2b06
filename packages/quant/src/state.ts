/**
 * @file bitsandbytes' serialised state: the tensors beside a 4-bit weight in a safetensors file (functional.py
 * QuantState.as_dict(packed=True)).
 */

import type { SafeTensor } from '@arena/safetensors';
import { pythonFloat } from '@arena/safetensors/json';
import { toFloat32 } from '@arena/safetensors/tensor';
import { restoreAbsmax } from './dequantize.js';
import { QuantError } from './error.js';
import type { FloatDtype, Quantized4bit } from './quantize.js';
import { NESTED_BLOCK_SIZE } from './quantize.js';
import { CODEBOOK, DYNAMIC_MAP, type QuantType } from './tables.js';

const STATE_SUFFIX = 'quant_state.bitsandbytes__';

/**
 * The tensors of a quantised weight, named after `name` (`….q_proj.weight`): codes, absmax, quant_map, the nested pair
 * when doubly quantised, and the state as JSON bytes.
 */
export function serializeState(name: string, quantized: Quantized4bit): SafeTensor[] {
  const { codes, absmax, nested, quantType } = quantized;
  const tensor = (suffix: string, dtype: 'U8' | 'F32', data: ArrayBufferView, shape: number[]): SafeTensor => ({
    name: suffix ? `${name}.${suffix}` : name,
    dtype,
    shape,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
  const state = new TextEncoder().encode(stateJson(quantized));
  return [
    tensor('', 'U8', codes, [codes.length, 1]),
    tensor('absmax', nested ? 'U8' : 'F32', absmax, [absmax.length]),
    tensor('quant_map', 'F32', CODEBOOK[quantType], [16]),
    ...(nested
      ? [
          tensor('nested_absmax', 'F32', nested.absmax, [nested.absmax.length]),
          tensor('nested_quant_map', 'F32', DYNAMIC_MAP, [256]),
        ]
      : []),
    tensor(STATE_SUFFIX + quantType, 'U8', state, [state.length]),
  ];
}

/** The JSON text of a state, as Python's json.dumps writes it. */
export function stateJson({ quantType, blockSize, dtype, shape, nested }: Quantized4bit): string {
  const fields = [
    `"quant_type": "${quantType}"`,
    `"blocksize": ${blockSize}`,
    `"dtype": "${dtype}"`,
    `"shape": [${shape.join(', ')}]`,
  ];
  if (nested) {
    fields.push(
      `"nested_blocksize": ${NESTED_BLOCK_SIZE}`,
      '"nested_dtype": "float32"',
      `"nested_offset": ${pythonFloat(nested.offset)}`,
    );
  }
  return `{${fields.join(', ')}}`;
}

/** The name of the state of `name`, if a checkpoint holds it as a 4-bit weight. */
export function findState(names: { has(name: string): boolean }, name: string): string | undefined {
  return (['nf4', 'fp4'] as const).map((type) => `${name}.${STATE_SUFFIX}${type}`).find((state) => names.has(state));
}

/** Names of the tensors of the 4-bit weight `name`: its codes, their statistics, and its state. */
export function stateTensors(name: string, state: string): string[] {
  const beside = ['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map'].map((suffix) => `${name}.${suffix}`);
  return [name, ...beside, state];
}

/**
 * Reads the 4-bit weight `name` back from its tensors. Its tables may differ from bitsandbytes' in their last bits.
 * @throws QuantError naming the tensor and what is wrong with it.
 */
export function parseState(name: string, tensors: Map<string, SafeTensor>): Quantized4bit {
  const stateName = findState(tensors, name);
  if (!stateName) throw new QuantError('state', `${name}: no ${STATE_SUFFIX}nf4 or fp4 tensor stands beside it`);
  const get = (suffix: string, dtype: string) => {
    const tensor = tensors.get(suffix ? `${name}.${suffix}` : name);
    if (!tensor) throw new QuantError('state', `${name}: its tensor '${suffix}' is missing`);
    if (suffix && tensor.dtype !== dtype)
      throw new QuantError('state', `${name}.${suffix}: dtype ${tensor.dtype}, expected ${dtype}`);
    return tensor.data;
  };
  const state = parseStateJson(stateName, tensors.get(stateName)!.data);
  const count = state.shape.reduce((a, b) => a * b, 1);
  const blocks = Math.ceil(count / state.blockSize);
  const codes = get('', 'U8');
  if (codes.length !== Math.ceil(count / 2)) {
    throw new QuantError(
      'state',
      `${name}: ${codes.length} bytes of codes, but shape [${state.shape}] wants ${Math.ceil(count / 2)}`,
    );
  }
  const absmax = state.nested ? get('absmax', 'U8') : float32(get('absmax', 'F32'));
  if (absmax.length !== blocks)
    throw new QuantError('state', `${name}.absmax: ${absmax.length} values, expected ${blocks}`);
  checkMap(`${name}.quant_map`, float32(get('quant_map', 'F32')), CODEBOOK[state.quantType]);
  const { nestedOffset, nested: isNested, ...rest } = state;
  if (!isNested) return { ...rest, codes, absmax };
  const map = float32(get('nested_quant_map', 'F32'));
  checkMap(`${name}.nested_quant_map`, map, DYNAMIC_MAP);
  const nestedAbsmax = float32(get('nested_absmax', 'F32'));
  if (nestedAbsmax.length !== Math.ceil(blocks / NESTED_BLOCK_SIZE)) {
    throw new QuantError('state', `${name}.nested_absmax: ${nestedAbsmax.length} values for ${blocks} blocks`);
  }
  const nested = { absmax: nestedAbsmax, offset: nestedOffset };
  if (map.every((value, i) => value === DYNAMIC_MAP[i])) return { ...rest, codes, absmax, nested };
  // a table with other last bits, as a CPU without SIMD makes it: the scales are the file's, in float32 from here on
  return { ...rest, codes, absmax: restoreAbsmax({ absmax, nested }, map) };
}

function parseStateJson(name: string, bytes: Uint8Array) {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new QuantError('state', `${name}: not JSON`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new QuantError(
      'state',
      `${name}: not an object (early versions of bitsandbytes wrote lists: save the model again with a recent one)`,
    );
  }
  const { quant_type, blocksize, dtype, shape, nested_blocksize, nested_dtype, nested_offset } = raw;
  if (quant_type !== 'nf4' && quant_type !== 'fp4')
    throw new QuantError('state', `${name}: quant_type ${quant_type} is not nf4 or fp4`);
  if (!Number.isInteger(blocksize) || (blocksize as number) < 1)
    throw new QuantError('state', `${name}: blocksize ${blocksize}`);
  if (dtype !== 'float32' && dtype !== 'bfloat16' && dtype !== 'float16')
    throw new QuantError('state', `${name}: dtype ${dtype}`);
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new QuantError('state', `${name}: shape ${JSON.stringify(shape)}`);
  }
  const nested = nested_blocksize !== undefined;
  if (nested && (nested_blocksize !== NESTED_BLOCK_SIZE || nested_dtype !== 'float32')) {
    throw new QuantError(
      'state',
      `${name}: nested statistics of ${nested_blocksize} ${nested_dtype} are not known, only 256 float32`,
    );
  }
  if (nested && typeof nested_offset !== 'number') throw new QuantError('state', `${name}: nested_offset is no number`);
  return {
    quantType: quant_type as QuantType,
    blockSize: blocksize as number,
    dtype: dtype as FloatDtype,
    shape: shape as number[],
    nested,
    nestedOffset: Math.fround((nested_offset as number) ?? 0),
  };
}

function float32(data: Uint8Array): Float32Array {
  return toFloat32({ dtype: 'F32', data });
}

/** How far a table may be from bitsandbytes' own: the last bits hang on the machine that made it. */
const MAP_TOLERANCE = 1e-6;

function checkMap(name: string, got: Float32Array, want: Float32Array) {
  if (got.length !== want.length)
    throw new QuantError('state', `${name}: ${got.length} values, bitsandbytes' table has ${want.length}`);
  const far = got.findIndex((value, i) => !(Math.abs(value - want[i]) <= MAP_TOLERANCE));
  if (far < 0) return;
  throw new QuantError(
    'state',
    `${name}: value ${far} is ${got[far]}, not ${want[far]} as in bitsandbytes' table: this weight was made with another code`,
  );
}
