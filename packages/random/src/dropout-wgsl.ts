/** @file The dropout mask of dropout.ts in WGSL, bit for bit. */

/**
 * Declares `fn dropoutAt(index: u32, seed: u32, stream: u32, threshold: u32, factor: f32) -> f32`: the mask at an index.
 * `threshold` is floor(p 2^32), `factor` 1 / (1 - p).
 */
export const DROPOUT_WGSL = `fn dropoutAt(index: u32, seed: u32, stream: u32, threshold: u32, factor: f32) -> f32 {
  var h = index * 0x9e3779b1u + seed;
  h ^= stream * 0x85ebca77u;
  h ^= h >> 16u;
  h *= 0x7feb352du;
  h ^= h >> 15u;
  h *= 0x846ca68bu;
  h ^= h >> 16u;
  return select(0.0, factor, h >= threshold);
}`;
