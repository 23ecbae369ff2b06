/** @file Metadata values with the type that they have in the file, as bytes. */

/** Numbers of the types in the file. */
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8 } as const;
const ARRAY = 9;

/**
 * A value and its type: `['u32', 7]`, `['f32s', scores]` for an array, or the bytes of a value with its type as
 * `GgufFile.readStoredValue` gives them.
 */
export type MetadataValue =
  | ['u32', number]
  | ['f32', number]
  | ['bool', boolean]
  | ['string', string]
  | ['strings', readonly string[]]
  | ['f32s', ArrayLike<number>]
  | ['i32s', ArrayLike<number>]
  | ['bools', readonly boolean[]]
  | Uint8Array;

/** Metadata by key, in the order of the file. */
export type MetadataPairs = ReadonlyMap<string, MetadataValue>;

/** A key with its value. */
export type MetadataPair = [key: string, value: MetadataValue];

/** Pairs without those that have no value. */
export function given(pairs: readonly [key: string, value: MetadataValue | undefined | false][]): MetadataPair[] {
  return pairs.flatMap(([key, value]): MetadataPair[] => (value ? [[key, value]] : []));
}

const encoder = new TextEncoder();

/** A pair as the file has it: the key, the value's type, the value. */
export function pairBytes(key: string, value: MetadataValue): Uint8Array[] {
  if (value instanceof Uint8Array) return [stringBytes(key), value];
  return [stringBytes(key), ...valueBytes(value)];
}

function valueBytes([type, value]: Exclude<MetadataValue, Uint8Array>): Uint8Array[] {
  switch (type) {
    case 'u32':
      return [u32(TYPES.u32), u32(value)];
    case 'f32':
      return [u32(TYPES.f32), littleEndian(Float32Array.of(value))];
    case 'bool':
      return [u32(TYPES.bool), Uint8Array.of(Number(value))];
    case 'string':
      return [u32(TYPES.string), stringBytes(value)];
    case 'strings':
      return [arrayHead(TYPES.string, value.length), ...value.map(stringBytes)];
    case 'f32s':
      return [arrayHead(TYPES.f32, value.length), littleEndian(Float32Array.from(value))];
    case 'i32s':
      return [arrayHead(TYPES.i32, value.length), littleEndian(Int32Array.from(value))];
    case 'bools':
      return [arrayHead(TYPES.bool, value.length), Uint8Array.from(value, Number)];
  }
}

function arrayHead(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ARRAY, true);
  view.setUint32(4, type, true);
  view.setBigUint64(8, BigInt(length), true);
  return bytes;
}

/** A string: its length in 64 bits, then UTF-8. */
export function stringBytes(text: string): Uint8Array {
  const utf8 = encoder.encode(text);
  const bytes = new Uint8Array(8 + utf8.length);
  bytes.set(u64(utf8.length));
  bytes.set(utf8, 8);
  return bytes;
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** The bytes of numbers; every machine that runs JavaScript has them little-endian. */
function littleEndian(numbers: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
