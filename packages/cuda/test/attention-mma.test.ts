/**
 * @file Attention on the tensor cores of engine `cuda`, emulated, against float64 on inputs that bfloat16 holds. What is left then is the
 * rounding of P and ds: 2^-9 of each value at most, and of a sum's norm less, since roundings do not line up.
 */
import { type AttentionAttrs, attentionBackwardOp, attentionOp } from '@arena/decoder/ops';
import { roundTo } from '@arena/quant/state';
import { Mt19937, normal } from '@arena/random';
import { provideEngine } from '@arena/runtime';
import { runOp } from '@arena/runtime/op';
import { dispose, type Tensor, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { type Attention64, attention64 } from './attention64.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const ROUNDING = 2 ** -9;

interface Case {
  headDim: number;
  lengths: number[];
  heads?: number;
  keyValueHeads?: number;
  softcap?: number;
  slidingWindow?: number;
  /** Only the last token of each sequence asks. */
  pooled?: boolean;
}

const CASES: Case[] = [
  { headDim: 256, lengths: [1] },
  { headDim: 256, lengths: [200], softcap: 50 },
  { headDim: 256, lengths: [31, 1, 65], heads: 4, keyValueHeads: 2, softcap: 2, slidingWindow: 20 },
  { headDim: 256, lengths: [150], heads: 2, keyValueHeads: 2, slidingWindow: 70 },
  { headDim: 256, lengths: [33, 70, 9], softcap: 50, pooled: true },
  { headDim: 128, lengths: [65, 64], softcap: 50 },
  { headDim: 128, lengths: [200], slidingWindow: 130 },
  { headDim: 64, lengths: [200, 31], heads: 4, keyValueHeads: 1, softcap: 50, slidingWindow: 50 },
  { headDim: 128, lengths: [100], slidingWindow: 5, pooled: true },
  { headDim: 64, lengths: [65], heads: 1, keyValueHeads: 1 },
  // filled up to 128 and 64 columns
  { headDim: 104, lengths: [40, 25], softcap: 5 },
  { headDim: 32, lengths: [70], heads: 3, keyValueHeads: 1 },
];

const nameOf = ({ headDim, lengths, heads = 2, keyValueHeads = 1, softcap = 0, slidingWindow = 0, pooled }: Case) =>
  `heads ${heads}/${keyValueHeads} of ${headDim}, tokens ${lengths.join('+')}, cap ${softcap}, window ${slidingWindow}${pooled ? ', pooled' : ''}`;

/** A case's numbers; `exact`: as drawn, else rounded to bfloat16. */
function inputsOf(one: Case, exact = false): { attrs: AttentionAttrs; given: Attention64['given'] } {
  const { headDim, lengths, heads = 2, keyValueHeads = 1, softcap = 0, slidingWindow = 0, pooled } = one;
  const generator = new Mt19937(headDim + lengths[0]);
  const draw = (count: number, deviation: number) => {
    const values = normal(generator, count, 0, deviation);
    return exact ? values : Float32Array.from(roundTo(values, 'bfloat16'));
  };
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets[offsets.length - 1] + length);
  const tokens = offsets[lengths.length];
  const rows = pooled ? offsets.slice(1).map((end) => end - 1) : Array.from({ length: tokens }, (_, t) => t);
  return {
    attrs: {
      numHeads: heads,
      numKeyValueHeads: keyValueHeads,
      headDim,
      scale: headDim ** -0.5,
      softcap,
      slidingWindow,
    },
    given: {
      q: draw(rows.length * heads * headDim, 2),
      k: draw(tokens * keyValueHeads * headDim, 1),
      v: draw(tokens * keyValueHeads * headDim, 1),
      dO: draw(rows.length * heads * headDim, 1),
      offsets,
      rows,
    },
  };
}

/** |got - want| / |want|, by the euclidean norm. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i] - want[i]) ** 2;
    norm += want[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** o, lse, dq, dk and dv of the open engine; the backward pass takes o and lse as they are wanted. */
async function run(attrs: AttentionAttrs, given: Attention64['given'], want: { o: Float64Array; lse: Float64Array }) {
  const { numHeads, numKeyValueHeads, headDim } = attrs;
  const matrix = (values: ArrayLike<number>, columns: number) =>
    tensor2d(Float32Array.from(values), [values.length / columns, columns]);
  const inputs = {
    q: matrix(given.q, numHeads * headDim),
    k: matrix(given.k, numKeyValueHeads * headDim),
    v: matrix(given.v, numKeyValueHeads * headDim),
    offsets: tensor1d(given.offsets, 'int32'),
    rows: tensor1d(given.rows, 'int32'),
  };
  const kept = {
    do: matrix(given.dO, numHeads * headDim),
    o: matrix(want.o, numHeads * headDim),
    lse: matrix(want.lse, numHeads),
  };
  const forward = runOp(attentionOp, inputs, attrs);
  const backward = runOp(attentionBackwardOp, { ...inputs, ...kept }, attrs);
  const [o, lse, dq, dk, dv] = await Promise.all(
    [...forward, ...backward].map((x) => x.data() as Promise<Float32Array>),
  );
  dispose([...forward, ...backward, ...Object.values(inputs), ...Object.values(kept)] as Tensor[]);
  return { o, lse, dq, dk, dv };
}

describe.skipIf(!hasCompiler())('attention on tensor cores, emulated', { timeout: 300_000 }, () => {
  let cuda: OpenCuda;
  beforeAll(async () => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    provideEngine('cuda', async () => (await import('../src/index.js')).cudaEngine);
    cuda = await openCuda({ bf16: true });
  });
  afterAll(async () => {
    delete process.env.EMULATED_SHARED;
    delete process.env.EMULATED_ORDER;
    await closeCuda(cuda.backend);
  });

  async function expectNear(one: Case) {
    const { attrs, given } = inputsOf(one);
    const want = attention64(attrs, given);
    const got = await run(attrs, given, want);
    const most = (list: ArrayLike<number>, of: ArrayLike<number>) =>
      Math.max(...Array.from(of, (x, i) => Math.abs(x - list[i])));
    expect(most(got.lse, want.lse)).toBeLessThan(2e-5);
    for (const name of ['o', 'dq', 'dk', 'dv'] as const) {
      expect(got[name].length, name).toBe(want[name].length);
      // of a single key, P is 1 and ds 0
      const norm = Math.hypot(...want[name]);
      if (norm < 1e-6) expect(Math.hypot(...got[name]), name).toBeLessThan(1e-3);
      else expect(distance(got[name], want[name]), name).toBeLessThan(ROUNDING);
    }
    return got;
  }

  it.each(CASES.map((one) => [nameOf(one), one] as const))('%s: within the rounding of P and ds', async (_, one) => {
    await expectNear(one);
  });

  it('takes larger tiles where a block may have more shared memory, and gives the same', async () => {
    await closeCuda(cuda.backend);
    process.env.EMULATED_SHARED = String(227 * 1024);
    cuda = await openCuda({ bf16: true });
    for (const one of CASES.slice(0, 4)) await expectNear(one);
    await closeCuda(cuda.backend);
    delete process.env.EMULATED_SHARED;
    cuda = await openCuda({ bf16: true });
  });

  it('gives the same bits when the threads of each block run in the opposite order', async () => {
    for (const one of [CASES[2], CASES[7]]) {
      const forward = await expectNear(one);
      process.env.EMULATED_ORDER = 'reverse';
      expect(await expectNear(one)).toEqual(forward);
      delete process.env.EMULATED_ORDER;
    }
  });

  it('takes heads of other sizes than multiples of eight in float32', async () => {
    const { attrs, given } = inputsOf({ headDim: 20, lengths: [40], softcap: 50 }, true);
    const want = attention64(attrs, given);
    const got = await run(attrs, given, want);
    for (const name of ['o', 'dq', 'dk', 'dv'] as const)
      expect(distance(got[name], want[name]), name).toBeLessThan(1e-5);
  });

  it('rounds only when it is asked to', async () => {
    const { attrs, given } = inputsOf(CASES[9], true);
    const want = attention64(attrs, given);
    const error = async () => distance((await run(attrs, given, want)).o, want.o);
    expect(await error()).toBeGreaterThan(5e-4);
    cuda = await openCuda();
    expect(await error()).toBeLessThan(1e-5);
    cuda = await openCuda({ bf16: true });
  });
});
