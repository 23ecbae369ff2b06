/** @file How matrices are stored in the file: floats, or blocks of integers as onnxruntime's MatMulNBits reads them. */

/** Inputs that share a scale, in a matrix of integers. */
export const BLOCK = 32;

/** Codes of a matrix [rows, columns / BLOCK, BLOCK * bits / 8], and for each block a scale and, in 4 bits, the code of zero. */
export interface Blocks {
  codes: Uint8Array;
  /** [rows * columns / BLOCK] */
  scales: Float32Array;
  /** Two a byte, the first in the lower half [rows, ceil(columns / BLOCK / 2)]. */
  zeros?: Uint8Array;
}

/** Rounds a matrix [rows, columns] to integers of 8 bits around 128, the largest entry of each block at 127 from it. */
export function toBytes(values: Float32Array): Blocks {
  const scales = new Float32Array(values.length / BLOCK);
  const codes = new Uint8Array(values.length);
  for (let block = 0; block < scales.length; block++) {
    let largest = 0;
    for (let i = 0; i < BLOCK; i++) largest = Math.max(largest, Math.abs(values[block * BLOCK + i]));
    scales[block] = largest / 127;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      codes[i] = largest ? Math.round((values[i] * 127) / largest) + 128 : 128;
    }
  }
  return { codes, scales };
}

/** Shares of a block's range that are tried: cutting its ends off may leave a smaller error in all. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75];

/**
 * Rounds a matrix [rows, columns] to integers of 4 bits, the first code of a byte in the lower half. Scale and zero of a block are
 * those of the least squared error among a few around its range.
 */
export function toNibbles(values: Float32Array, columns: number): Blocks {
  const perRow = columns / BLOCK;
  const rows = values.length / columns;
  const scales = new Float32Array(rows * perRow);
  const codes = new Uint8Array(values.length / 2);
  const zeros = new Uint8Array(rows * Math.ceil(perRow / 2));
  for (let block = 0; block < scales.length; block++) {
    const start = block * BLOCK;
    const { scale, zero } = bestOf(values, start);
    scales[block] = scale;
    const place = block % perRow;
    const byte = Math.floor(block / perRow) * Math.ceil(perRow / 2) + (place >> 1);
    zeros[byte] |= place & 1 ? zero << 4 : zero;
    for (let i = start; i < start + BLOCK; i++) {
      const code = codeOf(values[i], scale, zero);
      codes[i >> 1] |= i & 1 ? code << 4 : code;
    }
  }
  return { codes, scales, zeros };
}

function bestOf(values: Float32Array, start: number): { scale: number; zero: number } {
  let [low, high] = [0, 0];
  for (let i = start; i < start + BLOCK; i++) {
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  if (high === low) return { scale: 0, zero: 8 };
  const middle = Math.round((-low / (high - low)) * 15);
  let best = { scale: 0, zero: 8, error: Number.POSITIVE_INFINITY };
  for (let zero = Math.max(0, middle - 1); zero <= Math.min(15, middle + 1); zero++) {
    const whole = Math.max(zero < 15 ? high / (15 - zero) : 0, zero > 0 ? -low / zero : 0);
    for (const share of SHARES) {
      const scale = Math.fround(whole * share);
      let error = 0;
      for (let i = start; i < start + BLOCK; i++)
        error += (values[i] - (codeOf(values[i], scale, zero) - zero) * scale) ** 2;
      if (error < best.error) best = { scale, zero, error };
    }
  }
  return best;
}

function codeOf(value: number, scale: number, zero: number): number {
  return scale === 0 ? zero : Math.min(15, Math.max(0, Math.round(value / scale) + zero));
}

/** Rows of integers from -127 to 127 with a scale each: [rows, columns] and [rows]. */
export function toRows(values: Float32Array, columns: number): { codes: Int8Array; scales: Float32Array } {
  const rows = values.length / columns;
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const some = values.subarray(row * columns, (row + 1) * columns);
    let largest = 0;
    for (const value of some) largest = Math.max(largest, Math.abs(value));
    scales[row] = largest / 127;
    if (largest) for (let i = 0; i < columns; i++) codes[row * columns + i] = Math.round((some[i] * 127) / largest);
  }
  return { codes, scales };
}

/** [rows, columns] as [columns, rows]. */
export function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c];
  return out;
}
