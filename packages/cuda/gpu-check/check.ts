/**
 * @file What a machine with a GPU is asked: `node check.mjs <step> [--small]`. Each step prints lines of JSON. `--small` takes sizes that the
 * emulation of the tests can do too.
 */
import { attentionBackwardOp, attentionOp } from '@arena/decoder/ops';
import { cuda4bit } from '@arena/quant/ops';
import { openEngine, provideEngine } from '@arena/runtime';
import { type CudaOperand, type CudaWay, cudaFloat, cudaMultiply, declaredCudaKernels } from '@arena/runtime/cuda';
import { checkOps, declaredOps, runOp } from '@arena/runtime/op';
import { dispose, engine, fill, type Tensor, type TensorInfo, tensor1d, tidy, zeros } from '@tensorflow/tfjs-core';
import { trainTiny } from '../../browser-tests/test/browser/training.js';
import { closeCuda, openCuda } from '../src/device/index.js';
import { CudaOutOfMemoryError, cudaEngine, inspectCuda } from '../src/index.js';
import { agreement, fullStep } from './full-step.js';
import { checkedConfig } from './random-model.js';
import { random4bit, randomMatrix } from './random-weight.js';

const small = process.argv.includes('--small');

function print(fields: object): void {
  console.log(JSON.stringify(fields));
}

/** Bytes of the device that are free. */
function freeBytes({ context }: Awaited<ReturnType<typeof openCuda>>['backend']): number {
  const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
  context.driver.call('cuMemGetInfo_v2', free, total);
  return Number(free[0]);
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

/** Seconds of a queued call: the median of five rounds of `count`, after one to warm up. */
function secondsOf(synchronize: () => void, count: number, call: () => void): number {
  const rounds = Array.from({ length: 6 }, () => {
    synchronize();
    const start = performance.now();
    for (let i = 0; i < count; i++) call();
    synchronize();
    return (performance.now() - start) / 1000 / count;
  });
  return rounds.slice(1).sort((a, b) => a - b)[2];
}

const STEPS: { [step: string]: () => Promise<void> } = {
  async versions() {
    print({ step: 'versions', node: process.version, platform: process.platform, ...(await inspectCuda()) });
  },

  async load() {
    const start = performance.now();
    const { backend } = await openCuda();
    const openMs = performance.now() - start;
    const kernels = declaredCudaKernels().filter(({ target }) => !target || backend.launcher.wgmma);
    for (const kernel of kernels) backend.context.kernel(kernel);
    print({ step: 'load', openMs, kernels: kernels.length, resolveMs: performance.now() - start - openMs });
    await closeCuda(backend);
  },

  async conformance() {
    for (const op of declaredOps()) {
      const results = await checkOps([op], 'cuda');
      const failed = results.filter(({ passed }) => !passed);
      print({
        step: 'conformance',
        op: op.name,
        samples: results.length,
        failed: failed.map(({ sample, maxError, error }) => ({ sample, maxError, error })),
        maxError: Math.max(...results.map(({ maxError }) => maxError)),
      });
    }
  },

  async training() {
    const wasm = await openEngine('wasm', { threads: 1, relaxedSimd: false });
    const want = await trainTiny();
    wasm.dispose();
    await openEngine('cuda');
    const [got, again] = [await trainTiny(), await trainTiny()];
    const errors = (['gradients', 'weights'] as const).map((part) => {
      const each = Object.keys(want[part]).map((name) => {
        const scale = Math.max(...want[part][name].map(Math.abs));
        return Math.max(...want[part][name].map((x, i) => Math.abs(x - got[part][name][i]))) / scale;
      });
      return [part, Math.max(...each)];
    });
    const sameBits = JSON.stringify(got) === JSON.stringify(again);
    print({ step: 'training', loss: got.loss, wasmLoss: want.loss, ...Object.fromEntries(errors), sameBits });
  },

  async gemm() {
    const { backend } = await openCuda({ bf16: true });
    const { launcher, context } = backend;
    const sizes = small ? [[64, 64, 64]] : [1900, 8192].flatMap((m) => SHAPES.map(([n, k]) => [m, n, k]));
    for (const [m, n, k] of sizes) {
      const x = randomMatrix(m, k);
      const dy = randomMatrix(m, n);
      const w = randomMatrix(n, k);
      const packed = random4bit(n, k);
      const four = cuda4bit(packed.tensors as never, packed.attrs);
      const rate = (call: () => TensorInfo) => {
        const free = () => backend.disposeData(call().dataId);
        const seconds = secondsOf(() => context.synchronize(), small ? 1 : 5, free);
        return { us: Math.round(seconds * 1e6), tflops: (2 * m * n * k) / seconds / 1e12 };
      };
      const product = (b: CudaOperand, way: CudaWay) => cudaMultiply(launcher, { form: 'nt', a: x, b, m, n, k, way });
      const back = (way: CudaWay) => cudaMultiply(launcher, { form: 'nn', a: dy, b: four, m, n: k, k: n, way });
      const read = async (c: TensorInfo) => {
        const tensor = engine().makeTensorFromTensorInfo(c);
        const values = await tensor.data();
        tensor.dispose();
        return values;
      };
      // by the GPU's clock, without what rounds the factors
      const kernel = async (name: string, call: () => TensorInfo) => {
        launcher.startTimes();
        for (let i = 0; i < (small ? 1 : 12); i++) backend.disposeData(call().dataId);
        const { milliseconds, calls } = (await launcher.stopTimes()).get(name)!;
        const seconds = milliseconds / calls / 1000;
        return { us: Math.round(seconds * 1e6), tflops: (2 * m * n * k) / seconds / 1e12 };
      };
      const float = cudaFloat(w);
      const [exact, rounded] = [await read(product(float, 128)), await read(product(float, 'mma'))];
      print({
        step: 'gemm',
        ...{ m, n, k },
        float: rate(() => product(float, 128)),
        nf4: rate(() => product(four, 128)),
        nf4Transposed: rate(() => back(128)),
        bf16: rate(() => product(float, 'mma')),
        bf16Nf4: rate(() => product(four, 'mma')),
        bf16Nf4Transposed: rate(() => back('mma')),
        ...(launcher.wgmma
          ? {
              wgmma: rate(() => product(float, 'wgmma')),
              wgmmaKernel: await kernel('multiplyWgmma', () => product(float, 'wgmma')),
              wgmmaNf4: rate(() => product(four, 'wgmma')),
              wgmmaNf4Transposed: rate(() => back('wgmma')),
              wgmmaError: distance(await read(product(float, 'wgmma')), exact),
              wgmmaNf4Error: distance(await read(product(four, 'wgmma')), await read(product(four, 128))),
              wgmmaNf4TransposedError: distance(await read(back('wgmma')), await read(back(128))),
            }
          : {}),
        ...(launcher.cublasLt
          ? {
              cublasLt: rate(() => product(float, 'cublasLt')),
              cublasLtKernel: await kernel('cublasLtMatmul', () => product(float, 'cublasLt')),
              cublasLtNf4: rate(() => product(four, 'cublasLt')),
              cublasLtNf4Transposed: rate(() => back('cublasLt')),
              cublasLtError: distance(await read(product(float, 'cublasLt')), exact),
            }
          : {}),
        // of the norm: some 2e-3 from rounding the factors
        bf16Error: distance(rounded, exact),
      });
      dispose([x, dy, w, ...Object.values(packed.tensors)]);
    }
    await closeCuda(backend);
  },

  async attention() {
    const { backend } = await openCuda();
    const { context, launcher } = backend;
    const batches = small ? [[40], [9, 1, 30]] : [[1900], [4096], [700, 1, 1500]];
    for (const lengths of batches) {
      const tokens = lengths.reduce((sum, length) => sum + length, 0);
      // as in every second layer, over several sequences
      const slidingWindow = lengths.length === 1 ? 0 : Math.floor(tokens / 4);
      const attrs = { numHeads: 8, numKeyValueHeads: 4, headDim: 256, scale: 1 / 16, softcap: 50, slidingWindow };
      const [q, k, v, dO] = [8, 4, 4, 8].map((heads) => randomMatrix(tokens, heads * 256));
      const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, length) => sum + length));
      const offsets = tensor1d([0, ...ends], 'int32');
      const rows = tensor1d(Int32Array.from({ length: tokens }, (_, t) => t));
      const inputs = { q, k, v, offsets, rows };
      const [o, lse] = runOp(attentionOp, inputs, attrs);
      const saved = { do: dO, ...inputs, o, lse };
      const results = async (bf16: boolean) => {
        launcher.bf16 = bf16;
        const tensors = [runOp(attentionOp, inputs, attrs)[0], ...runOp(attentionBackwardOp, saved, attrs)];
        const values = await Promise.all(tensors.map((tensor) => tensor.data()));
        dispose(tensors);
        return values;
      };
      const [exact, rounded] = [await results(false), await results(true)];
      const seen = lengths.flatMap((length) =>
        Array.from({ length }, (_, t) => Math.min(t + 1, slidingWindow || length)),
      );
      const flops = 4 * seen.reduce((sum, keys) => sum + keys) * 8 * 256; // both products of a row and the keys it sees
      const rate = (bf16: boolean, work: number, call: () => Tensor[]) => {
        launcher.bf16 = bf16;
        const seconds = secondsOf(
          () => context.synchronize(),
          small ? 1 : 5,
          () => dispose(call()),
        );
        return { us: Math.round(seconds * 1e6), tflops: work / seconds / 1e12 };
      };
      print({
        step: 'attention',
        ...{ lengths, slidingWindow },
        forward: rate(false, flops, () => runOp(attentionOp, inputs, attrs)),
        backward: rate(false, 2.5 * flops, () => runOp(attentionBackwardOp, saved, attrs)),
        bf16Forward: rate(true, flops, () => runOp(attentionOp, inputs, attrs)),
        bf16Backward: rate(true, 2.5 * flops, () => runOp(attentionBackwardOp, saved, attrs)),
        // of the norm: some 5e-3 from rounding q, k, v, do, P and ds
        bf16Errors: Object.fromEntries(
          ['o', 'dq', 'dk', 'dv'].map((name, i) => [name, distance(rounded[i], exact[i])]),
        ),
      });
      launcher.bf16 = false;
      dispose([q, k, v, dO, offsets, rows, o, lse]);
    }
    await closeCuda(backend);
  },

  async full() {
    const [little, much] = small ? [1e9, 1e9] : [3e9, 20e9];
    for (const [budgetBytes, bf16, cublasLt] of [
      [little, true, true],
      [little, true, false],
      [much, true, true],
      [much, true, false],
      [much, false, false],
    ] as const) {
      const [config, tokens] = [checkedConfig(small), small ? 60 : 1900];
      print({ step: 'full', ...(await fullStep({ config, tokens, budgetBytes, bf16, cublasLt })) });
    }
  },

  /** The full step's gradients with bf16 beside those in float32, of the same weights. */
  async agreement() {
    for (const cublasLt of [false, true]) {
      print({ step: 'agreement', cublasLt, ...(await agreement(checkedConfig(small), small ? 60 : 1900, cublasLt)) });
    }
  },

  /** As many launches as the full step has, with next to nothing for the GPU to do. */
  async host() {
    const config = { ...checkedConfig(true), numHiddenLayers: 26, hiddenSize: 128, headDim: 64 };
    for (const bf16 of [false, true]) {
      const options = { config, tokens: 128, budgetBytes: 20e9, bf16, cublasLt: false };
      const { kernels: _, ...figures } = await fullStep(options);
      print({ step: 'host', ...figures });
    }
  },

  async memory() {
    const { backend } = await openCuda();
    const before = freeBytes(backend);
    await trainTiny();
    await closeCuda(backend);
    const second = await openCuda();
    const after = freeBytes(second.backend);
    // more than the device has, in parts
    const held: Tensor[] = [];
    let error: unknown;
    try {
      for (let i = 0; i < 4096; i++) held.push(fill([small ? 2 ** 22 : 2 ** 28], 1));
    } catch (thrown) {
      error = thrown;
    }
    dispose(held);
    const usable = (await tidy(() => zeros([10])).data()).length === 10;
    print({
      step: 'memory',
      leakedBytes: before - after,
      outOfMemory: error instanceof CudaOutOfMemoryError && error.message,
      usable,
    });
    await closeCuda(second.backend);
  },

  /** What compute-sanitizer watches. */
  async sanitize() {
    for (const bf16 of [false, true]) {
      await openEngine('cuda', { bf16 });
      const { loss } = await trainTiny();
      print({ step: 'sanitize', bf16, loss });
    }
  },
};

/** [N, K] of Gemma 2 2B's linears. */
const SHAPES = [
  [2048, 2304],
  [1024, 2304],
  [2304, 2048],
  [9216, 2304],
  [2304, 9216],
];

const step = process.argv[2];
provideEngine('cuda', async () => cudaEngine);
try {
  await STEPS[step]();
} catch (error) {
  print({ step, error: String((error as Error)?.message ?? error) });
  process.exitCode = 1;
}
