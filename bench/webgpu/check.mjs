/**
 * @file What a machine with a GPU is asked about engine `webgpu`: `node check.mjs <step> [--small]`, in a folder that has the package `webgpu`. Each step
 * prints lines of JSON. `--f16` asks for half precision. `--small` takes sizes that a software adapter can do too. `../webgpu-check.sh` runs all.
 */
import { dequantize4bit, quantize4bit } from '@arena/quant';
import { linear4bitBackward, linear4bitForward, tuneWebgpu, uploadWeight4bit } from '@arena/quant/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { importFromProject } from '@arena/runtime/engine';
import { checkOps, declaredOps } from '@arena/runtime/op';
import { storeTiles, tileName, tilesOf } from '@arena/runtime/webgpu';
import { backend, dispose, matMul, tensor2d } from '@tensorflow/tfjs-core';
import { trainTiny } from '../../packages/browser-tests/test/browser/training.js';
import { random4bit, randomMatrix } from '../../packages/cuda/gpu-check/random-weight.js';
import { fullStep } from './full-step.mjs';
import { launchCost } from './launch-cost.mjs';
import { countLaunches } from './launch-count.mjs';
import { timeProducts } from './products.mjs';
import { opRates } from './rates.mjs';

const [step, ...flags] = process.argv.slice(2);
const small = flags.includes('--small');
const f16 = flags.includes('--f16');
const rounds = small ? 1 : 5;

/** M, N, K of the products. */
const SIZES = small
  ? [[64, 128, 192]]
  : [
      [512, 2304, 2304],
      [1900, 2304, 2304],
      [1900, 9216, 2304],
    ];

function print(fields) {
  const rounded = (_, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  console.log(JSON.stringify({ step, ...fields }, rounded));
}

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** |got - want| / |want|, by the euclidean norm. */
async function distance(got, want) {
  const [a, b] = [await got.data(), await want.data()];
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  dispose([got, want]);
  return Math.sqrt(difference / norm);
}

function summary(results) {
  const failed = results.filter(({ passed, path }) => !passed || path !== 'kernel');
  return {
    samples: results.length,
    failed: failed.map(({ sample, path, maxError, error }) => ({ sample, path, maxError, error })),
    maxError: Math.max(...results.map(({ maxError }) => maxError)),
    // were the references all zero, lost results would pass for right ones
    zero: results.filter(({ largest }) => !(largest > 0)).length,
  };
}

const STEPS = {
  async adapter() {
    const start = performance.now();
    const { device } = await openEngine('webgpu');
    const gpu = backend();
    const { limits, features } = gpu.device;
    const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = gpu.device.adapterInfo ?? {};
    print({ node: process.version, device, openMs: performance.now() - start, features: [...features] });
    print({ vendor, architecture, description, subgroupMinSize, subgroupMaxSize });
    const names = ['maxStorageBufferBindingSize', 'maxBufferSize', 'maxComputeWorkgroupStorageSize'];
    names.push('maxComputeInvocationsPerWorkgroup', 'maxStorageBuffersPerShaderStage');
    print({ limits: Object.fromEntries(names.map((name) => [name, limits[name]])) });
  },

  async conformance() {
    for (const op of declaredOps()) {
      const start = performance.now();
      const results = await checkOps([op], 'webgpu', { f16 });
      print({ f16, op: op.name, ...summary(results), ms: performance.now() - start });
    }
  },

  /** Products with every tile that the device has room for: right, and how fast. */
  async tiles() {
    const { notes } = await openEngine('webgpu', { f16 });
    const { launcher, device } = backend();
    const ops = declaredOps().filter(({ name }) => /^(Linear4bit|LoraLinear|LoraLinearBackward)$/.test(name));
    // a software adapter compiles the kernels of a tile for half a minute
    for (const tile of tilesOf(device.limits).slice(small ? -1 : 0)) {
      launcher.tiles = { nt: tile, nn: tile, tn: tile };
      const results = await checkOps(ops, 'webgpu', { f16 });
      print({ f16, notes, tile: tileName(tile), ...summary(results) });
    }
    const times = await tuneWebgpu(small ? { tokens: 70, width: 128, rounds: 1 } : { tokens: 1900 });
    for (const time of times) print({ f16, ...time });
    if (!f16) print({ kept: storeTiles(launcher) }); // for the steps that follow
    // as in a step, where a matrix is 2304 wide and one 9216
    if (!small)
      for (const time of await tuneWebgpu({ tokens: 1900, width: 4608 })) print({ f16, width: 4608, ...time });
  },

  async training() {
    const wasm = await openEngine('wasm', { threads: 1, relaxedSimd: false });
    const want = await trainTiny();
    wasm.dispose();
    await openEngine('webgpu', { f16 });
    const [got, again] = [await trainTiny(), await trainTiny()];
    const errors = ['gradients', 'weights'].map((part) => {
      const each = Object.keys(want[part]).map((name) => {
        const scale = Math.max(...want[part][name].map(Math.abs));
        return Math.max(...want[part][name].map((x, i) => Math.abs(x - got[part][name][i]))) / scale;
      });
      return [part, Math.max(...each)];
    });
    const sameBits = JSON.stringify(got) === JSON.stringify(again);
    print({ f16, loss: got.loss, wasmLoss: want.loss, ...Object.fromEntries(errors), sameBits });
  },

  /** Products of large matrices beside tfjs's with the same weight decoded on the host. */
  async numerics() {
    await openEngine('webgpu', { f16 });
    const [m, n, k] = small ? [70, 128, 192] : [1900, 2304, 2304];
    const quantized = quantize4bit(normal(new Mt19937(2), n * k, 0, 0.02), [n, k], { doubleQuant: true });
    const packed = uploadWeight4bit(quantized);
    const decoded = tensor2d(dequantize4bit(quantized), [n, k]);
    const [x, dy] = [randomMatrix(m, k), randomMatrix(m, n)];
    print({
      f16,
      size: [m, n, k],
      forward: await distance(linear4bitForward(x, packed), matMul(x, decoded, false, true)),
      backward: await distance(linear4bitBackward(dy, packed), matMul(dy, decoded)),
    });
  },

  async products() {
    await openEngine('webgpu', { f16 });
    for (const [m, n, k] of SIZES) {
      const operands = {
        x: randomMatrix(m, k),
        dy: randomMatrix(m, n),
        dense: randomMatrix(n, k),
        packed: random4bit(n, k),
      };
      const times = await timeProducts(operands, { rounds, calls: small ? 1 : 10 });
      for (const [product, list] of Object.entries(times)) {
        const peer = times[product.replace('ours NF4', 'tfjs f32')];
        const ratios = peer === list ? undefined : list.map((seconds, i) => peer[i] / seconds);
        print({
          f16,
          size: [m, n, k],
          product,
          ms: 1000 * middle(list),
          gflops: (2e-9 * m * n * k) / middle(list),
          overTfjs: ratios && [Math.min(...ratios), middle(ratios), Math.max(...ratios)],
        });
      }
      const { packed, ...matrices } = operands;
      dispose([...Object.values(matrices), ...Object.values(packed.tensors)]);
    }
  },

  async launches() {
    await openEngine('webgpu');
    const times = await launchCost(small ? 2 : 20);
    const bare = middle(times['bare list, one pass']);
    for (const [way, list] of Object.entries(times)) {
      print({
        way,
        micros: middle(list),
        range: [Math.min(...list), Math.max(...list)],
        overBare: middle(list) / bare,
      });
    }
    const { kernels, ...counts } = await countLaunches();
    print({ ...counts, kernels: kernels.map(({ name, calls }) => [name.slice(0, 60), calls]) });
  },

  async rates() {
    await openEngine('webgpu', { f16 });
    await opRates({ small, calls: small ? 1 : 5, print: (fields) => print({ f16, ...fields }) });
  },

  async full() {
    const budgets = small ? [1e9] : [3e9, 20e9];
    for (const budgetBytes of budgets) print({ f16, ...(await fullStep({ small, budgetBytes, options: { f16 } })) });
  },
};

/** Dawn without the checks of every index that WebGPU asks for: what they cost. An engine would not do that. */
async function withoutRobustness() {
  const { create, globals } = await importFromProject('webgpu');
  Object.assign(globalThis, globals);
  const dawn = create(['disable-dawn-features=timestamp_quantization', 'enable-dawn-features=disable_robustness']);
  const gpu = { value: dawn, configurable: true };
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', gpu);
  else Object.defineProperty(globalThis, 'navigator', { value: Object.defineProperty({}, 'gpu', gpu) });
  print({ robustness: false });
}

try {
  if (flags.includes('--no-robustness')) await withoutRobustness();
  await STEPS[step]();
} catch (error) {
  print({ error: String(error?.stack ?? error) });
  process.exitCode = 1;
}
process.exit(); // a driver's threads may keep the process alive
