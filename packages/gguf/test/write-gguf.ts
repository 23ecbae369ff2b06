/** @file Writes GGUF files for tests, right ones and odd ones: every number of the header can be given another value. */

/** Numbers of the metadata's types in the file. */
const TYPES = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, u64: 10, i64: 11, f64: 12 };

type ValueType = keyof typeof TYPES;

/** A key, its type and its value: `['a', 'u32', 7]`, or an array `['b', ['string'], ['x', 'y']]`. */
export type Pair = [key: string, type: ValueType | [ValueType], value: unknown];

export interface TensorSpec {
  name: string;
  /** Number of the ggml type. */
  type: number;
  /** Rows first. */
  shape: (number | bigint)[];
  data?: Uint8Array;
  /** Instead of the next place that the alignment allows. */
  offset?: number | bigint;
}

export interface FileSpec {
  magic?: string;
  version?: number;
  alignment?: number;
  pairs?: Pair[];
  tensors?: TensorSpec[];
  /** Instead of the true numbers. */
  tensorCount?: bigint;
  pairCount?: bigint;
  /** Bytes that belong to nobody behind each tensor. */
  gap?: number;
}

/** A growing list of little-endian values. */
function byteList() {
  const bytes: number[] = [];
  const scratch = new DataView(new ArrayBuffer(8));
  const put = (width: number, write: () => void) => {
    write();
    for (let i = 0; i < width; i++) bytes.push(scratch.getUint8(i));
  };
  const list = {
    bytes,
    u8: (value: number) => bytes.push(value & 255),
    i8: (value: number) => bytes.push(value & 255),
    bool: (value: unknown) => bytes.push(Number(value)),
    u16: (value: number) => put(2, () => scratch.setUint16(0, value, true)),
    i16: (value: number) => put(2, () => scratch.setInt16(0, value, true)),
    u32: (value: number) => put(4, () => scratch.setUint32(0, value, true)),
    i32: (value: number) => put(4, () => scratch.setInt32(0, value, true)),
    f32: (value: number) => put(4, () => scratch.setFloat32(0, value, true)),
    f64: (value: number) => put(8, () => scratch.setFloat64(0, value, true)),
    u64: (value: number | bigint) => put(8, () => scratch.setBigUint64(0, BigInt(value), true)),
    i64: (value: number | bigint) => put(8, () => scratch.setBigInt64(0, BigInt(value), true)),
    string: (value: string) => {
      const text = new TextEncoder().encode(value);
      list.u64(text.length);
      bytes.push(...text);
    },
  };
  return list;
}

/** The bytes of a file. */
export function writeGguf(spec: FileSpec): Uint8Array {
  const { magic = 'GGUF', version = 3, alignment = 32, pairs = [], tensors = [], gap = 0 } = spec;
  const list = byteList();
  for (const letter of magic) list.u8(letter.charCodeAt(0));
  list.u32(version);
  list.u64(spec.tensorCount ?? tensors.length);
  list.u64(spec.pairCount ?? pairs.length);
  for (const [key, type, value] of pairs) {
    list.string(key);
    if (Array.isArray(type)) {
      list.u32(9);
      list.u32(TYPES[type[0]]);
      list.u64((value as unknown[]).length);
      for (const one of value as never[]) list[type[0]](one);
    } else {
      list.u32(TYPES[type]);
      list[type](value as never);
    }
  }
  let next = 0;
  const places: { offset: number; data: Uint8Array }[] = [];
  for (const { name, type, shape, data = new Uint8Array(0), offset } of tensors) {
    list.string(name);
    list.u32(shape.length);
    for (const size of [...shape].reverse()) list.u64(size);
    list.u32(type);
    list.u64(offset ?? next);
    places.push({ offset: next, data });
    next = Math.ceil((next + data.length + gap) / alignment) * alignment;
  }
  if (!tensors.length) return Uint8Array.from(list.bytes);
  const begin = Math.ceil(list.bytes.length / alignment) * alignment;
  const out = new Uint8Array(begin + Math.max(...places.map(({ offset, data }) => offset + data.length)));
  out.set(list.bytes);
  for (const { offset, data } of places) out.set(data, begin + offset);
  return out;
}

/** Little-endian bytes of float32 values. */
export function floatBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
