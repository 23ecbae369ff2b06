/** @file How matrices are stored in the file: floats, or blocks of integers as onnxruntime's MatMulNBits reads them. */

/** Inputs that share a scale, in a matrix of integers. */
export const BLOCK = 32;

/** A matrix as integers: value = scale (code - zero) + offset, by groups of its inputs. */
export interface Codes {
  /** One a byte [values]. */
  codes: Uint8Array;
  /** [values / group] */
  scales: Float32Array;
  /** [values / group], of kinds that have them. */
  offsets?: Float32Array;
}

/** Rounds a matrix [rows, columns] to integers of 8 bits around 128, the largest entry of each block at 127 from it. */
export function toBytes(values: Float32Array): Codes {
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
const SHARES = [1, 0.9, 0.8];
/** How often scale and offset are fitted to the codes, and the codes rounded again. */
const FITS = 2;
/** The code in the middle. */
const MIDDLE = 8;

/**
 * Rounds a matrix [rows, columns] to integers of 4 bits: value = scale (code - 8) + offset, both float16. Those of the least squared error are kept of a few ranges, each fitted by least squares.
 */
export function toNibbles(values: Float32Array): Required<Codes> {
  const scales = new Float32Array(values.length / BLOCK);
  const offsets = new Float32Array(scales.length);
  const codes = new Uint8Array(values.length);
  for (let block = 0; block < scales.length; block++) {
    const start = block * BLOCK;
    const { scale, offset } = fitted(values, start);
    scales[block] = scale;
    offsets[block] = offset;
    for (let i = start; i < start + BLOCK; i++) codes[i] = MIDDLE + stepOf(values[i], scale, offset);
  }
  return { codes, scales, offsets };
}

function fitted(values: Float32Array, start: number): { scale: number; offset: number } {
  let [low, high] = [values[start], values[start]];
  for (let i = start + 1; i < start + BLOCK; i++) {
    if (values[i] < low) low = values[i];
    else if (values[i] > high) high = values[i];
  }
  let best = { scale: 0, offset: half((low + high) / 2), error: Number.POSITIVE_INFINITY };
  for (const share of SHARES) {
    // the 16 codes span 15 steps; the middle one is half a step above the middle of the range
    let scale = half(((high - low) * share) / 15);
    let offset = half((low + high) / 2 + scale / 2);
    for (let fit = 0; fit <= FITS && scale; fit++) {
      let [error, q, qq, v, vq] = [0, 0, 0, 0, 0];
      for (let i = start; i < start + BLOCK; i++) {
        const step = stepOf(values[i], scale, offset);
        error += (values[i] - (scale * step + offset)) ** 2;
        q += step;
        qq += step * step;
        v += values[i];
        vq += values[i] * step;
      }
      if (error < best.error) best = { scale, offset, error };
      const spread = BLOCK * qq - q * q;
      if (!spread) break;
      const slope = (BLOCK * vq - q * v) / spread;
      scale = half(slope);
      offset = half((v - slope * q) / BLOCK);
    }
  }
  return best;
}

/** Steps from the middle: -8 to 7. */
function stepOf(value: number, scale: number, offset: number): number {
  return scale === 0 ? 0 : Math.min(7, Math.max(-MIDDLE, Math.round((value - offset) / scale)));
}

/** The nearest float16: 11 bits, and no finer than 2^-24. */
function half(value: number): number {
  if (Math.abs(value) < 2 ** -14) return Math.round(value * 2 ** 24) / 2 ** 24;
  const carried = value * (2 ** 42 + 1); // leaves 53 - 42 bits
  return carried - (carried - value);
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
