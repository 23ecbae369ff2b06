/**
 * @file Blocks of ggml as weights are stored in GGUF files, of the types that products are made with. Layouts are those of
 * ggml-quants.c; values are bit for bit gguf-py's.
 */
import { QuantError } from './error.js';

/** Values and bytes of a block, and where its float16 scales lie in it. */
export const LAYOUTS = {
  Q4_0: { values: 32, size: 18, scales: [0] },
  Q4_1: { values: 32, size: 20, scales: [0, 2] },
  Q5_0: { values: 32, size: 22, scales: [0] },
  Q5_1: { values: 32, size: 24, scales: [0, 2] },
  Q8_0: { values: 32, size: 34, scales: [0] },
  Q4_K: { values: 256, size: 144, scales: [0, 2] },
  Q5_K: { values: 256, size: 176, scales: [0, 2] },
  Q6_K: { values: 256, size: 210, scales: [208] },
} as const;

/** ggml's name of a type of blocks. */
export type BlockType = keyof typeof LAYOUTS;

/** All of them. */
export const BLOCK_TYPES = Object.keys(LAYOUTS) as BlockType[];

/** Whether products can be made with blocks of that type. */
export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(LAYOUTS, type);
}

/**
 * Bytes of a matrix [outFeatures, inFeatures] in blocks.
 * @throws QuantError when the type is not known, or a row is no whole number of blocks.
 */
export function blockBytes(type: BlockType, shape: readonly number[]): number {
  if (!isBlockType(type)) {
    throw new QuantError('argument', `blocks of type '${type}' are not known: ${BLOCK_TYPES.join(', ')} are`);
  }
  const { values, size } = LAYOUTS[type];
  const [outFeatures, inFeatures] = shape;
  if (shape.length !== 2 || !shape.every((count) => Number.isSafeInteger(count) && count > 0)) {
    throw new QuantError('argument', `a weight in blocks is a matrix, got shape [${shape}]`);
  }
  if (inFeatures % values) {
    throw new QuantError(
      'argument',
      `rows of ${inFeatures} values are no multiple of the ${values} of a block of ${type}`,
    );
  }
  return ((outFeatures * inFeatures) / values) * size;
}

/** Checks that bytes are the matrix that type and shape say. @throws QuantError saying what they are. */
export function checkBlocks(type: BlockType, bytes: Uint8Array, shape: readonly number[]): void {
  const wanted = blockBytes(type, shape);
  if (bytes.length !== wanted) {
    throw new QuantError('argument', `${type} [${shape}] takes ${wanted} bytes, got ${bytes.length}`);
  }
  const { values, size, scales } = LAYOUTS[type];
  for (const at of scales) {
    for (let p = at; p < bytes.length; p += size) {
      if ((bytes[p + 1] & 0x7c) !== 0x7c) continue;
      const first = Math.floor(p / size) * values;
      throw new QuantError('values', `the scale of the block of ${type} from value ${first} is not finite`);
    }
  }
}

/** The float16 at `p`. */
function half(b: Uint8Array, p: number): number {
  const exponent = (b[p + 1] >> 2) & 31;
  const fraction = ((b[p + 1] & 3) << 8) | b[p];
  const magnitude = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
  return b[p + 1] & 128 ? -magnitude : magnitude;
}

/** Value i of a block that begins at index 0 of `b`. Products are exact in float64; storing them rounds once, as gguf-py does. */
const VALUE: Record<BlockType, (b: Uint8Array, i: number) => number> = {
  Q4_0: (b, i) => half(b, 0) * (nibble(b, 2, i) - 8),
  Q4_1: (b, i) => half(b, 0) * nibble(b, 4, i) + half(b, 2),
  Q5_0: (b, i) => half(b, 0) * (nibble(b, 6, i) + 16 * bit(b, 2, i) - 16),
  Q5_1: (b, i) => half(b, 0) * (nibble(b, 8, i) + 16 * bit(b, 4, i)) + half(b, 2),
  Q8_0: (b, i) => half(b, 0) * signed(b[2 + i]),
  Q4_K: (b, i) => scaled(b, i, nibble64(b, 16, i)),
  Q5_K: (b, i) => scaled(b, i, nibble64(b, 48, i) + 16 * ((b[16 + (i & 31)] >> (i >> 5)) & 1)),
  Q6_K: (b, i) => {
    const side = i >> 7; // 128 values: 64 bytes of the lower four bits, 32 of the upper two
    const four = (b[64 * side + (i & 63)] >> ((i >> 6) & 1 ? 4 : 0)) & 15;
    const two = (b[128 + 32 * side + (i & 31)] >> (2 * ((i >> 5) & 3))) & 3;
    return half(b, 208) * signed(b[192 + (i >> 4)]) * (four + 16 * two - 32);
  },
};

/** 32 values in 16 bytes: first the low nibbles, then the high ones. */
function nibble(b: Uint8Array, at: number, i: number): number {
  return i < 16 ? b[at + i] & 15 : b[at + i - 16] >> 4;
}

/** As {@link nibble} for each 64 values in 32 bytes. */
function nibble64(b: Uint8Array, at: number, i: number): number {
  const pair = b[at + 32 * (i >> 6) + (i & 31)];
  return i & 32 ? pair >> 4 : pair & 15;
}

function bit(b: Uint8Array, at: number, i: number): number {
  return (b[at + (i >> 3)] >> (i & 7)) & 1;
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** d sc q - dmin m, with sc and m of 6 bits for each 32 values. */
function scaled(b: Uint8Array, i: number, q: number): number {
  const j = i >> 5;
  const scale = j < 4 ? b[4 + j] & 63 : (b[8 + j] & 15) | ((b[j] >> 6) << 4);
  const minimum = j < 4 ? b[8 + j] & 63 : (b[8 + j] >> 4) | ((b[4 + j] >> 6) << 4);
  return half(b, 0) * scale * q - half(b, 2) * minimum;
}

/** The values of whole blocks in float32, one by one: what kernels are held against. */
export function decodeBlocks(type: BlockType, bytes: Uint8Array): Float32Array {
  const { values, size } = LAYOUTS[type];
  const out = new Float32Array((bytes.length / size) * values);
  for (let p = 0, o = 0; p < bytes.length; p += size, o += values) {
    const block = bytes.subarray(p, p + size);
    for (let i = 0; i < values; i++) out[o + i] = VALUE[type](block, i);
  }
  return out;
}
