/** @file Chooses tiles of engine `webgpu` by timing the products of a 4-bit model's training step. */
import {
  floatOperand,
  gpuLauncher,
  gpuMultiply,
  type TileTime,
  type TuneOptions,
  tuneTiles,
} from '@arena/runtime/webgpu';
import { backend, engine, type KernelBackend, type Tensor, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { linear4bitBackward, linear4bitForward } from './ops/linear4bit/op.js';
import { disposeWeight4bit, type Weight4bit } from './weight.js';

/** The products to time, and how often. */
export interface TuneWebgpuOptions extends TuneOptions {
  /** Rows of the products (default 1024). */
  tokens?: number;
  /** Width of the square weight: a multiple of 64 (default 2304, of Gemma 2 2B). */
  width?: number;
}

/** Rank of the adapter. Its gradient is the product of form `tn`. */
const RANK = 16;
const BLOCK = 64;

/**
 * Finds the fastest tiles on the open engine `webgpu` for a 4-bit linear's products, forward and backward, and for an
 * adapter's gradient. The engine uses the choice while it is open. In Node, `storeTiles` of @arena/runtime keeps it for
 * the next time.
 * @returns the time of each tile.
 */
export async function tuneWebgpu({
  tokens = 1024,
  width = 2304,
  ...options
}: TuneWebgpuOptions = {}): Promise<TileTime[]> {
  const launcher = gpuLauncher(backend() as unknown as KernelBackend);
  const weight = patternWeight(width);
  const [x, u] = [pattern(tokens, width), pattern(tokens, RANK)];
  try {
    return await tuneTiles(
      {
        nt: () => linear4bitForward(x, weight),
        nn: () => linear4bitBackward(x, weight),
        tn: () =>
          engine().makeTensorFromTensorInfo(
            gpuMultiply(launcher, {
              form: 'tn',
              a: floatOperand('u', u),
              b: floatOperand('x', x, { half: true }),
              m: RANK,
              n: width,
              k: tokens,
            }),
          ) as Tensor,
      },
      options,
    );
  } finally {
    disposeWeight4bit(weight);
    x.dispose();
    u.dispose();
  }
}

/** Pseudo-random values in [-1, 1), the same each time. */
function pattern(rows: number, columns: number) {
  return tensor2d(
    words(rows * columns, (word) => word / 2 ** 31, new Float32Array(rows * columns)),
    [rows, columns],
  );
}

function patternWeight(width: number): Weight4bit {
  const blocks = (width * width) / BLOCK;
  const integers = (count: number) =>
    tensor1d(
      words(count, (word) => word, new Int32Array(count)),
      'int32',
    );
  return {
    kind: '4bit',
    attrs: { outFeatures: width, inFeatures: width, blockSize: BLOCK, quantType: 'nf4', nestedOffset: 1 },
    tensors: {
      codes: integers((width * width) / 8),
      absmax: integers(Math.ceil(blocks / 4)),
      nestedAbsmax: tensor1d(new Float32Array(Math.ceil(blocks / 256)).fill(0.1)),
    },
  };
}

/** Fills an array with values of the words of a linear congruential generator (Numerical Recipes). */
function words<T extends Float32Array | Int32Array>(count: number, convert: (word: number) => number, array: T): T {
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    array[i] = convert(state);
  }
  return array;
}
