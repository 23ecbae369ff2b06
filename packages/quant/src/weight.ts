/** @file A 4-bit weight on the engine: packed codes and statistics as tensors. */
import { type Tensor, type Tensor1D, tensor1d } from '@tensorflow/tfjs-core';
import { QuantError } from './error.js';
import type { Quantized4bit } from './quantize.js';
import type { QuantType } from './tables.js';

/** Numbers for a kernel that reads a 4-bit weight. */
export interface Weight4bitAttrs {
  inFeatures: number;
  outFeatures: number;
  blockSize: number;
  quantType: QuantType;
  /** Present when absmax is nested. */
  nestedOffset?: number;
}

/** A frozen 4-bit matrix [outFeatures, inFeatures] on the engine. */
export interface Weight4bit {
  kind: '4bit';
  attrs: Weight4bitAttrs;
  tensors: {
    /** bitsandbytes' bytes, four in an int32. [ceil(bytes / 4)] */
    codes: Tensor;
    /** float32 [blocks], or four 8-bit codes in an int32 when nested. */
    absmax: Tensor;
    /** float32 [ceil(blocks / 256)] */
    nestedAbsmax?: Tensor;
  };
}

/**
 * Puts a quantised matrix on the current engine.
 * @throws QuantError when it is not a matrix.
 */
export function uploadWeight4bit(quantized: Quantized4bit): Weight4bit {
  const { shape, blockSize, quantType, codes, absmax, nested } = quantized;
  if (shape.length !== 2) throw new QuantError('argument', `a 4-bit weight is a matrix, got shape [${shape}]`);
  const attrs: Weight4bitAttrs = { outFeatures: shape[0], inFeatures: shape[1], blockSize, quantType };
  if (!nested) {
    return { kind: '4bit', attrs, tensors: { codes: packBytes(codes), absmax: tensor1d(absmax as Float32Array) } };
  }
  return {
    kind: '4bit',
    attrs: { ...attrs, nestedOffset: nested.offset },
    tensors: {
      codes: packBytes(codes),
      absmax: packBytes(absmax as Uint8Array),
      nestedAbsmax: tensor1d(nested.absmax),
    },
  };
}

/** Frees a weight's tensors. */
export function disposeWeight4bit({ tensors }: Weight4bit) {
  for (const tensor of Object.values(tensors)) tensor?.dispose();
}

/** Bytes as int32 words, little endian, the last one filled with zeros. */
export function packBytes(bytes: Uint8Array): Tensor1D {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0) {
    return tensor1d(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), 'int32');
  }
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return tensor1d(new Int32Array(padded.buffer), 'int32');
}
