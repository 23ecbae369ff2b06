/**
 * @file torch.save's archives (a zip of stored entries: data.pkl and one entry a tensor), read and written for
 * optimizer and scheduler states. Layout: torch/serialization.py and caffe2/serialize/inline_container.cc.
 */

import { crc, crcTable } from './crc.js';
import { TrainerError } from './error.js';
import { type Pickled, type PickledTensor, readPickle, writePickle } from './pickle.js';

/** A state with the values of its tensors by their key. */
export interface TorchFile {
  value: Pickled;
  /** Bytes of each storage, little-endian. */
  storages: Map<string, Uint8Array>;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const DESCRIPTOR = 0x08074b50;
/** Sizes after the bytes, names in UTF-8. */
const FLAGS = 0x808;
/** Alignment of each entry's bytes in torch's archives. */
const ALIGNMENT = 64;

/**
 * Opens an archive that torch.save wrote.
 * @throws TrainerError when it is not such an archive, is damaged, or holds more than plain values and tensors.
 */
export function readTorchFile(bytes: Uint8Array): TorchFile {
  const entries = readZip(bytes);
  const pickle = [...entries.keys()].find((name) => name.endsWith('/data.pkl'));
  if (!pickle) throw new TrainerError('format', 'no data.pkl in the archive: not a file of torch.save');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const storages = new Map<string, Uint8Array>();
  for (const [name, data] of entries) {
    if (name.startsWith(`${folder}data/`)) storages.set(name.slice(folder.length + 5), data);
  }
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order) !== 'little')
    throw new TrainerError('format', 'the archive is big-endian');
  return { value: readPickle(entries.get(pickle)!), storages };
}

/**
 * The float32 values of a tensor in the archive.
 * @throws TrainerError when it is of another type, not contiguous, or its bytes are missing.
 */
export function tensorValues({ storages }: TorchFile, tensor: PickledTensor): Float32Array {
  const { storage, key, shape, stride, offset } = tensor;
  const count = shape.reduce((product, size) => product * size, 1);
  const dense = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
  if (storage !== 'FloatStorage' || stride.join() !== dense.join()) {
    throw new TrainerError(
      'format',
      `tensor ${key}: a contiguous FloatStorage is expected, not ${storage} of strides [${stride}]`,
    );
  }
  const bytes = storages.get(key);
  if (!bytes || bytes.length < 4 * (offset + count)) {
    throw new TrainerError('format', `tensor ${key}: ${bytes?.length ?? 0} bytes, ${4 * (offset + count)} expected`);
  }
  // copies to align; a Node Buffer's slice() would not copy
  return new Float32Array(new Uint8Array(bytes.subarray(4 * offset, 4 * (offset + count))).buffer);
}

/** An archive in torch.save's form, under `name` (the file's name without .pt). */
export function writeTorchFile(name: string, { value, storages }: TorchFile): Uint8Array {
  const text = (content: string) => new TextEncoder().encode(content);
  const entries: [string, Uint8Array][] = [
    [`${name}/data.pkl`, writePickle(value)],
    [`${name}/.format_version`, text('1')],
    [`${name}/.storage_alignment`, text(String(ALIGNMENT))],
    [`${name}/byteorder`, text('little')],
    ...[...storages].map(([key, data]): [string, Uint8Array] => [`${name}/data/${key}`, data]),
    [`${name}/version`, text('3\n')],
  ];
  return writeZip(entries);
}

function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const entries = new Map<string, Uint8Array>();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL)
      throw new TrainerError('format', 'the archive is damaged');
    const [method, stored, size] = [
      view.getUint16(at + 10, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 24, true),
    ];
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    if (method !== 0 || stored !== size)
      throw new TrainerError('format', `${name}: compressed entries are not torch.save's`);
    if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL)
      throw new TrainerError('format', `${name}: damaged`);
    const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (begin + size > bytes.length) throw new TrainerError('format', `${name}: ends past the archive`);
    entries.set(name, bytes.subarray(begin, begin + size));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

function findEnd(view: DataView): number {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 65557); at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new TrainerError('format', 'not a zip archive: torch.save writes one');
}

/** Uncompressed entries, with bytes at multiples of 64. Sizes and checksum follow the bytes. */
function writeZip(entries: [string, Uint8Array][]): Uint8Array {
  const parts: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of entries) {
    const encoded = new TextEncoder().encode(name);
    const local = at;
    const add = (...added: Uint8Array[]) => {
      parts.push(...added);
      at += length(added);
    };
    // padding in torch's extra field: 'FB', length, letters Z
    const padding = (ALIGNMENT - ((at + 30 + encoded.length + 4) % ALIGNMENT)) % ALIGNMENT;
    const extra = new Uint8Array(4 + padding).fill(90);
    extra.set([70, 66, padding, 0]);
    add(header([LOCAL, 0, FLAGS, 0, [0], [0], [0], [0], encoded.length, extra.length]), encoded, extra, data);
    const sizes = [[crc(ZIP_CRC, data)], [data.length], [data.length]];
    add(header([DESCRIPTOR, ...sizes]));
    const rest = [encoded.length, 0, 0, 0, 0, [0], [local]]; // no extra field, comment, disk or attributes
    central.push(header([CENTRAL, 0, 0, FLAGS, 0, [0], ...sizes, ...rest]), encoded);
  }
  if (at > 0xffffffff || entries.length > 0xffff) {
    throw new TrainerError(
      'argument',
      `a state of ${at} bytes in ${entries.length} entries needs zip64, which is not written here`,
    );
  }
  const counts = [entries.length, entries.length, [length(central)], [at], 0];
  return join([...parts, ...central, header([END, 0, 0, ...counts])]);
}

/** A header: its signature, then 16-bit numbers, or 32-bit numbers if given in a list. */
function header([signature, ...fields]: (number | number[])[]): Uint8Array {
  const bytes: number[] = [];
  const put = (value: number, width: number) => {
    for (let i = 0; i < width; i++) bytes.push(Math.floor(value / 2 ** (8 * i)) & 255);
  };
  put(signature as number, 4);
  for (const field of fields) typeof field === 'number' ? put(field, 2) : put(field[0], 4);
  return Uint8Array.from(bytes);
}

function length(parts: Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function join(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(length(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const ZIP_CRC = crcTable(0xedb88320);
