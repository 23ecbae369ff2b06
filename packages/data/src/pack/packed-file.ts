/** @file Packed battles as a .safetensors file, so that a set is tokenised once. Python can read it, too. */

import { bytesSource } from '@arena/files';
import { openSafetensors, type SafeTensor, SafetensorsError, serialize } from '@arena/safetensors';
import type { TensorSpec } from '@arena/safetensors/tensor';
import type { Battle } from '../battle.js';
import { DataError } from '../error.js';
import type { Cut, Packed, PackedEntry, PackOptions } from './pack.js';

const FORMAT = 'arena-packed-1';
const CUTS = ['prompt', 'responseA', 'responseB', 'rounds'] as const;

/** Battles that are hashed together. */
const HASHED_TOGETHER = 1000;

/**
 * A key of everything that the tokens depend on: ids, texts, labels, tokenizer, options. Equal keys, equal tokens. Rows
 * and flags do not count, so the same battles from another file have the same key; `row` in a file of tokens is from
 * the first read.
 *
 * @param tokenizer the bytes of tokenizer.json
 */
export async function packingKey(
  battles: Iterable<Battle>,
  tokenizer: Uint8Array,
  options: PackOptions,
): Promise<string> {
  const { add, key } = openPackingKey(tokenizer, options);
  for (const battle of battles) await add(battle);
  return key();
}

/** The same, one battle at a time. */
export function openPackingKey(
  tokenizer: Uint8Array,
  options: PackOptions,
): { add(battle: Battle): Promise<void>; key(): Promise<string> } {
  const text = new TextEncoder();
  const hashes: Promise<Uint8Array>[] = [digest(text.encode(JSON.stringify([FORMAT, options]))), digest(tokenizer)];
  // A JSON list as bytes: battles that wait for a full list would outlive the collector's young generation.
  let list = new Uint8Array(2 ** 20);
  let length = 0;
  let count = 0;
  const put = (json: string) => {
    const most = length + 3 * json.length;
    if (most > list.length) {
      const grown = new Uint8Array(2 * most);
      grown.set(list.subarray(0, length));
      list = grown;
    }
    length += text.encodeInto(json, list.subarray(length)).written;
  };
  const flush = () => {
    put(']');
    hashes.push(digest(list.subarray(0, length)));
    length = 0;
    count = 0;
  };
  return {
    async add({ id, prompt, responseA, responseB, winner, softLabel, weight }) {
      const fields = [id, prompt, responseA, responseB, winner, softLabel ?? null, weight ?? null];
      put(`${count++ === 0 ? '[' : ','}${JSON.stringify(fields)}`);
      if (count < HASHED_TOGETHER) return;
      flush();
      await hashes.at(-1);
    },
    async key() {
      if (count > 0) flush();
      const parts = await Promise.all(hashes);
      const all = await digest(Uint8Array.from(parts.flatMap((hash) => [...hash])));
      return [...all].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    },
  };
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

/**
 * The bytes of a file with `input_ids` [tokens], `offsets` [n + 1], `labels` [n], `rows` [n], `cut` [n, 4, 2], and,
 * where present, `second` [n], weights and soft labels.
 */
export function packedToBytes(packed: Packed[], key = ''): Uint8Array {
  const inputIds = new Int32Array(packed.reduce((sum, { ids }) => sum + ids.length, 0));
  let at = 0;
  for (const { ids } of packed) {
    inputIds.set(ids, at);
    at += ids.length;
  }
  const { tensors, metadata } = packedTensors(packed, new Uint8Array(inputIds.buffer), key);
  return serialize(tensors, metadata);
}

/**
 * The tensors of `packedToBytes`, for a writer that has the tokens elsewhere.
 *
 * @param inputIds the data of `input_ids`, or a function that makes it: all tokens in the order of `packed`, 32-bit
 * little-endian
 */
export function packedTensors<T>(
  packed: PackedEntry[],
  inputIds: T,
  key: string,
): { tensors: (TensorSpec & { data: Uint8Array | T })[]; metadata: Record<string, string> } {
  const n = packed.length;
  const offsets = new Int32Array(n + 1);
  const cut = new Int32Array(n * CUTS.length * 2);
  packed.forEach((one, i) => {
    offsets[i + 1] = offsets[i] + one.ids.length;
    CUTS.forEach((field, k) => {
      cut.set([one.cut[field].kept, one.cut[field].total], 2 * (CUTS.length * i + k));
    });
  });
  const each = <U>(value: (one: PackedEntry) => U): U[] => packed.map(value);
  const tensors: (TensorSpec & { data: Uint8Array | T })[] = [
    { name: 'input_ids', dtype: 'I32', shape: [offsets[n]], data: inputIds },
    tensor('offsets', 'I32', offsets, [n + 1]),
    tensor('labels', 'I32', Int32Array.from(each(({ label }) => label)), [n]),
    tensor('rows', 'I32', Int32Array.from(each(({ row }) => row)), [n]),
    tensor('cut', 'I32', cut, [n, CUTS.length, 2]),
  ];
  if (packed.some(({ weight }) => weight !== undefined)) {
    tensors.push(tensor('weights', 'F64', Float64Array.from(each(({ weight }) => weight ?? Number.NaN)), [n]));
  }
  if (packed.some(({ second }) => second !== undefined)) {
    tensors.push(tensor('second', 'I32', Int32Array.from(each(({ second }) => second ?? -1)), [n]));
  }
  if (packed.some(({ softLabel }) => softLabel)) {
    const soft = packed.flatMap(({ softLabel }) => [0, 1, 2].map((k) => softLabel?.[k] ?? Number.NaN));
    tensors.push(tensor('soft_labels', 'F64', Float64Array.from(soft), [n, 3]));
  }
  return { tensors, metadata: { format: FORMAT, key, ids: JSON.stringify(each(({ id }) => id)) } };
}

/**
 * Reads what `packedToBytes` made.
 *
 * @throws DataError when the bytes are something else, or damaged
 */
export async function packedFromBytes(bytes: Uint8Array): Promise<{ packed: Packed[]; key: string }> {
  try {
    const file = await openSafetensors(bytesSource(bytes, 'packed battles'));
    const { format, key = '', ids: idText = '' } = file.metadata ?? {};
    if (format !== FORMAT) throw new DataError('saved', `format "${format}" found, "${FORMAT}" expected`);
    const read = async (name: string) => (file.tensors.has(name) ? file.read(name) : null);
    const ints = async (name: string) => new Int32Array(aligned(await file.read(name)));
    const doubles = (one: SafeTensor | null) => (one ? new Float64Array(aligned(one)) : null);
    const names: string[] = JSON.parse(idText);
    const [inputIds, offsets, labels, rows, cuts] = await Promise.all(
      ['input_ids', 'offsets', 'labels', 'rows', 'cut'].map(ints),
    );
    const weights = doubles(await read('weights'));
    const soft = doubles(await read('soft_labels'));
    const second = file.tensors.has('second') ? await ints('second') : null;
    const n = names.length;
    const fits = offsets.length === n + 1 && labels.length === n && rows.length === n && cuts.length === 8 * n;
    if (!fits || offsets[n] !== inputIds.length) throw new DataError('saved', 'the sizes of its tensors do not agree');
    const packed = names.map((id, i): Packed => {
      const one: Packed = {
        id,
        row: rows[i],
        ids: inputIds.subarray(offsets[i], offsets[i + 1]),
        label: labels[i],
        cut: cutAt(cuts, i),
      };
      if (second && second[i] >= 0) one.second = second[i];
      if (weights && !Number.isNaN(weights[i])) one.weight = weights[i];
      const label = soft?.subarray(3 * i, 3 * i + 3).filter((p) => !Number.isNaN(p));
      if (label?.length) one.softLabel = [...label];
      return one;
    });
    return { packed, key };
  } catch (cause) {
    if (cause instanceof SafetensorsError || cause instanceof SyntaxError || cause instanceof DataError) {
      throw new DataError('saved', `not a file of packed battles (${cause.message}); pack again`, {}, { cause });
    }
    throw cause;
  }
}

function tensor(name: string, dtype: 'I32' | 'F64', values: Int32Array | Float64Array, shape: number[]) {
  return { name, dtype, shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** A copy in its own buffer: views into a file may be unaligned. (`slice` of a Node Buffer would not copy.) */
function aligned({ data }: SafeTensor): ArrayBuffer {
  return new Uint8Array(data).buffer;
}

function cutAt(cuts: Int32Array, i: number): Cut {
  const pair = (field: number) => ({ kept: cuts[8 * i + 2 * field], total: cuts[8 * i + 2 * field + 1] });
  return { prompt: pair(0), responseA: pair(1), responseB: pair(2), rounds: pair(3) };
}
