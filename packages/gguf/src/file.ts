/** @file An open GGUF model, of one file or of several: metadata, tensors, and their values by name and rows. */
import { type ByteSource, type Location, openFile, urlSource } from '@arena/files';
import { type FileOpener, openerAt, partsOf, quote } from '@arena/files/source';
import { sha256 } from '@arena/files/write';
import { decoderOf } from './dequantize.js';
import { GgufError } from './errors.js';
import { blockSize } from './ggml-types.js';
import { readHeader } from './header.js';
import type { GgufValue } from './metadata.js';
import { type Part, readParts } from './split.js';
import type { GgufTensor } from './tensor-table.js';

/** An open model. */
export interface GgufFile {
  /** What messages call it: the path or address of the file that was opened. */
  readonly place: string;
  readonly version: 2 | 3;
  /** Key-value pairs, of a split model those of its first file. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Tensors by ggml's names, such as `blk.0.attn_q.weight`. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Names of its files, of a split model all of them. */
  readonly files: readonly string[];
  /** Of all its files. */
  readonly bytes: number;
  /** SHA-256 of the file in hexadecimal; of a split model that of its parts one after the other. Everything is read. */
  sha256(): Promise<string>;
  /**
   * A tensor's values in float32 [elements], or those of its rows `[begin, end)`: only their bytes are read.
   * @throws GgufError when there is no such tensor, there are no such rows, or its type is not decoded.
   */
  readFloat32(name: string, rows?: [begin: number, end: number]): Promise<Float32Array>;
  /**
   * A metadata value as it is stored, with its type in front, so that it can be written elsewhere as it is.
   * @throws GgufError when there is no such key.
   */
  readStoredValue(key: string): Promise<Uint8Array>;
  /** A tensor's blocks as they are stored, whole rows at a time, or those of its rows `[begin, end)`. */
  readStored(name: string, rows?: [begin: number, end: number]): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/** Most bytes of a tensor that are read at a time to be decoded, and as stored; a row at least. */
const DECODE_BYTES = 2 ** 22;
const PART_BYTES = 2 ** 26;

/**
 * Opens a GGUF model: reads and checks its header (of a split model, those of all parts, whichever was given), and
 * tensors when they are asked for. Closing it closes what was opened.
 * @param from An open file (`openFile(path)`, `await urlSource(url)`, `blobSource(file)`), the path or address of one, or
 * with `name` the folder that holds it.
 * @param name Plain name of the file in the folder.
 * @throws GgufError saying what is wrong, where: see {@link GgufErrorCode}; FileError when there is no such file.
 * @example
 * ```ts
 * const model = await openGguf('gemma-3-270m-q4_k_m.gguf');
 * console.log(model.metadata.get('general.architecture'), model.tensors.get('token_embd.weight'));
 * const row = await model.readFloat32('token_embd.weight', [106, 107]); // reads 680 bytes
 * await model.close();
 * ```
 */
export async function openGguf(from: ByteSource | Location, name?: string): Promise<GgufFile> {
  const { source, file, open } = await findFile(from, name);
  const opened: ByteSource[] = [source];
  const close = async () => {
    await Promise.all(opened.map((one) => one.close?.()));
  };
  try {
    const first: Part = { source, header: await readHeader(source) };
    return modelOf(await readParts(first, file, open, opened), source.name, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** The file that is meant, its plain name, and what opens those beside it. */
async function findFile(
  from: ByteSource | Location,
  name: string | undefined,
): Promise<{ source: ByteSource; file: string; open?: FileOpener }> {
  if (typeof from === 'object') return { source: from, file: plainName(from.name) };
  if (name !== undefined) {
    const open = openerAt(from);
    const source = await open(name);
    if (!source) throw new GgufError('missing_part', `${quote(name)} is not there`, placeOf(from));
    return { source, file: name, open };
  }
  if (typeof from === 'function') {
    throw new GgufError('missing_part', 'the name of the file in the folder is not given', placeOf(from));
  }
  const source = /^https?:\/\//i.test(from) ? await urlSource(from) : await openFile(from);
  const file = plainName(from);
  const folder = from.replace(/[?#].*$/, '').slice(0, -file.length);
  return { source, file, open: openerAt(folder || '.') };
}

function placeOf(location: Location): string {
  return typeof location === 'string' ? location : 'folder';
}

/** The last part of a path or address. */
function plainName(path: string): string {
  const bare = /^https?:\/\//i.test(path) ? path.replace(/[?#].*$/, '') : path;
  return bare.slice(Math.max(bare.lastIndexOf('/'), bare.lastIndexOf('\\')) + 1);
}

function modelOf(parts: Part[], place: string, close: () => Promise<void>): GgufFile {
  const tensors = new Map<string, GgufTensor>();
  const homes = new Map<string, ByteSource>();
  for (const { source, header } of parts) {
    for (const [name, tensor] of header.tensors) {
      tensors.set(name, tensor);
      homes.set(name, source);
    }
  }
  const find = (name: string, rows: [number, number] | undefined) => {
    const tensor = tensors.get(name);
    const source = homes.get(name);
    if (!tensor || !source) {
      const some = [...tensors.keys()].slice(0, 3).join(', ');
      throw new GgufError('tensor', `is not among the ${tensors.size} tensors (${some}, ...)`, place, { tensor: name });
    }
    return { tensor, source, range: rangeOf(tensor, rows, source.name, name) };
  };
  const sources = parts.map(({ source }) => source);
  return {
    bytes: sources.reduce((sum, { size }) => sum + size, 0),
    async sha256() {
      const hash = sha256();
      for (const source of sources) for await (const part of partsOf(source)) hash.update(part);
      return hash.hex();
    },
    place,
    version: parts[0].header.version,
    metadata: parts[0].header.metadata,
    tensors,
    files: parts.map(({ source }) => plainName(source.name)),
    async readFloat32(name, rows) {
      const { tensor, source, range } = find(name, rows);
      const decode = decoderOf(tensor.type, source.name, name);
      const block = blockSize(tensor.type);
      const out = new Float32Array((range.bytes / block.bytes) * block.values);
      let at = 0;
      for await (const bytes of pieces(source, range, DECODE_BYTES)) {
        decode(bytes, out, at);
        at += (bytes.length / block.bytes) * block.values;
      }
      return out;
    },
    async readStoredValue(key) {
      const { source, header } = parts[0];
      const range = header.places.get(key);
      if (!range) throw new GgufError('metadata', 'is not among the metadata', place, { key });
      return source.read(...range);
    },
    async *readStored(name, rows) {
      const { source, range } = find(name, rows);
      yield* pieces(source, range, PART_BYTES);
    },
    close,
  };
}

/** Bytes of a tensor's rows in its file. A piece of them is whole units. */
interface ByteRange {
  begin: number;
  bytes: number;
  unit: number;
}

function rangeOf(tensor: GgufTensor, rows: [number, number] | undefined, file: string, name: string): ByteRange {
  const { shape, offset, bytes, type } = tensor;
  const count = shape[0] ?? 1;
  const unit = shape.length > 1 && count > 0 ? bytes / count : blockSize(type).bytes;
  if (!rows) return { begin: offset, bytes, unit };
  const [begin, end] = rows;
  const whole = Number.isSafeInteger(begin) && Number.isSafeInteger(end);
  if (!whole || begin < 0 || begin > end || end > count || shape.length === 0) {
    const why = `rows ${begin} to ${end} were asked for, its shape is [${shape.join(', ')}]`;
    throw new GgufError('tensor', why, file, { tensor: name });
  }
  // The values of a one-dimensional tensor are its rows; of packed ones only whole blocks can be read.
  const step = shape.length > 1 ? 1 : blockSize(type).values;
  if (begin % step || end % step) {
    const why = `rows ${begin} to ${end} were asked for, ${type} is stored in blocks of ${step}`;
    throw new GgufError('tensor', why, file, { tensor: name });
  }
  return { begin: offset + (begin / step) * unit, bytes: ((end - begin) / step) * unit, unit };
}

async function* pieces(
  source: ByteSource,
  { begin, bytes, unit }: ByteRange,
  most: number,
): AsyncGenerator<Uint8Array> {
  const piece = Math.max(1, Math.floor(most / Math.max(1, unit))) * unit;
  for (let at = 0; at < bytes; at += piece) {
    yield await source.read(begin + at, begin + Math.min(bytes, at + piece));
  }
}
