/** @file A counter-based dropout mask: a hash of (seed, stream, index), the same on every engine and in any order. */

/** A dropout mask. `stream` numbers the use (module and step), so that no two uses share a mask. */
export interface DropoutMask {
  /** Probability of dropping a value, in [0, 1). */
  p: number;
  seed: number;
  stream: number;
}

/** A well-mixed 32-bit hash of three integers (multiply-xorshift finaliser with the constants of lowbias32). */
function hash32(seed: number, stream: number, index: number): number {
  let h = (Math.imul(index, 0x9e3779b1) + seed) | 0;
  h ^= Math.imul(stream, 0x85ebca77);
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  return h >>> 0;
}

/** Whether the value at `index` is kept. */
function dropoutKeep({ p, seed, stream }: DropoutMask, index: number): boolean {
  return hash32(seed, stream, index) >= Math.floor(p * 2 ** 32);
}

/**
 * The mask of `count` values: 0 where dropped, else 1 / (1 - p) as float32.
 * @throws RangeError when p is not in [0, 1).
 */
export function dropoutMask(mask: DropoutMask, count: number): Float32Array {
  if (!(mask.p >= 0 && mask.p < 1)) throw new RangeError(`a dropout of p = ${mask.p}: 0 <= p < 1 is expected`);
  const kept = Math.fround(1 / (1 - mask.p));
  return Float32Array.from({ length: count }, (_, i) => (dropoutKeep(mask, i) ? kept : 0));
}
