/** @file The table of tensors: shapes, types and places, checked against each other and against the file's size. */
import { type Cursor, need, readName, readU32, readU64 } from './cursor.js';
import { GgufError } from './errors.js';
import { blockSize, type GgmlType, ggmlType, oddType } from './ggml-types.js';

/** One tensor of a file. */
export interface GgufTensor {
  /** Rows first, as torch has it: the file's dimensions reversed. */
  shape: number[];
  /** ggml's type, such as `Q4_K`. */
  type: GgmlType;
  /** First byte, counted from the start of the file that holds the tensor. */
  offset: number;
  bytes: number;
}

/** Most dimensions that ggml has. */
const MAX_DIMENSIONS = 4;

/** Largest alignment that is taken; files have 32. */
const MAX_ALIGNMENT = 2 ** 20;

/**
 * Reads the infos of `count` tensors and finds their bytes: the data begins at the next multiple of `alignment` after
 * them, and offsets count from there.
 * @throws GgufError naming the tensor: twice, more than four dimensions, of an unknown type, a row that is no whole
 * number of blocks, an offset off the alignment or beyond the file, bytes of another tensor.
 */
export async function readTensorTable(
  cursor: Cursor,
  count: number,
  alignment: number,
): Promise<Map<string, GgufTensor>> {
  const tensors = new Map<string, GgufTensor>();
  const { name: file, size } = cursor.source;
  for (let i = 0; i < count; i++) {
    const tensor = await readName(cursor, `the name of tensor ${i + 1} of ${count}`);
    if (tensors.has(tensor)) throw new GgufError('tensor', 'stands twice in the table of tensors', file, { tensor });
    tensors.set(tensor, await readInfo(cursor, tensor));
  }
  const dataBegin = Math.ceil(cursor.at / alignment) * alignment;
  for (const [tensor, info] of tensors) {
    if (info.offset % alignment) {
      const why = `its offset ${info.offset} is no multiple of the file's alignment ${alignment}`;
      throw new GgufError('tensor', why, file, { tensor });
    }
    info.offset += dataBegin;
    const end = info.offset + info.bytes;
    if (end > size) {
      const why = `ends at byte ${end}, the file has ${size}: it was cut short, or the offset is wrong`;
      throw new GgufError('truncated', why, file, { tensor });
    }
  }
  checkOverlaps(tensors, file);
  return tensors;
}

async function readInfo(cursor: Cursor, tensor: string): Promise<GgufTensor> {
  const file = cursor.source.name;
  const fail = (message: string): never => {
    throw new GgufError('tensor', message, file, { tensor });
  };
  const dimensions = await readU32(cursor, 'the number of its dimensions', { tensor });
  if (dimensions > MAX_DIMENSIONS) fail(`has ${dimensions} dimensions, at most ${MAX_DIMENSIONS} may be`);
  await need(cursor, 8 * dimensions, 'its shape', { tensor });
  const sizes: bigint[] = [];
  for (let i = 0; i < dimensions; i++) sizes.push(await readU64(cursor, 'its shape', { tensor }));
  const id = await readU32(cursor, 'its type', { tensor });
  const offset = await readU64(cursor, 'its offset', { tensor });
  const type = ggmlType(id);
  if (!type) throw new GgufError('type', `its type is ${oddType(id)}`, file, { tensor });
  const block = blockSize(type);
  const row = sizes[0] ?? 1n;
  if (row % BigInt(block.values)) {
    fail(`a row has ${row} values, which is no multiple of ${block.values}, the block of ${type}`);
  }
  const values = sizes.reduce((product, size) => product * size, 1n);
  const bytes = (values / BigInt(block.values)) * BigInt(block.bytes);
  // A size of 0 beside a huge one makes no bytes: each must be a number on its own.
  if ([...sizes, values, bytes].some((one) => one > BigInt(Number.MAX_SAFE_INTEGER))) {
    fail(`its shape [${sizes.reverse().join(', ')}] is too large`);
  }
  if (offset > BigInt(cursor.source.size)) {
    const why = `its offset is ${offset}, the file has ${cursor.source.size} bytes: it was cut short, or it is wrong`;
    throw new GgufError('truncated', why, file, { tensor });
  }
  return { shape: sizes.reverse().map(Number), type, offset: Number(offset), bytes: Number(bytes) };
}

function checkOverlaps(tensors: Map<string, GgufTensor>, file: string): void {
  const sorted = [...tensors].filter(([, { bytes }]) => bytes > 0).sort(([, a], [, b]) => a.offset - b.offset);
  let end = 0;
  let before = '';
  for (const [tensor, { offset, bytes }] of sorted) {
    if (offset < end) {
      throw new GgufError('tensor', `starts at byte ${offset}, within tensor ${before}`, file, { tensor });
    }
    end = offset + bytes;
    before = tensor;
  }
}

/** `general.alignment`, 32 where the file does not say. A multiple of 8 as the format asks, or a power of two. */
export function alignmentOf(value: unknown, file: string): number {
  if (value === undefined) return 32;
  const whole = typeof value === 'number' && Number.isInteger(value) && value > 0;
  if (whole && value <= MAX_ALIGNMENT && (value % 8 === 0 || [1, 2, 4].includes(value))) return value;
  const why = `is ${typeof value === 'object' ? 'an array' : String(value)}, not a multiple of 8 up to ${MAX_ALIGNMENT}`;
  throw new GgufError('metadata', why, file, { key: 'general.alignment' });
}
