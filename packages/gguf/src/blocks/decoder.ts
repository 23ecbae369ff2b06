/**
 * @file What every decoder of blocks is. gguf-py computes in float32; here products are formed in JavaScript's float64 and
 * rounded once, when they are stored. The two are equal: a float16 scale (11 bits) by a block's scale (up to 8) by a
 * value (up to 7) is exact in float32, and of d q - m the difference alone is rounded.
 */

/** Decodes whole blocks into `out` from its index `at`. */
export type BlockDecoder = (blocks: Uint8Array, out: Float32Array, at: number) => void;
