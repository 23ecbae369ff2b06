/** @file The rate of each fused op on engine `webgpu` by the GPU's own clock, at the widths of Gemma 2 2B. */
import {
  attentionBackwardOp,
  attentionOp,
  gegluBackwardOp,
  gegluOp,
  rmsNormBackwardOp,
  rmsNormOp,
  ropeOp,
} from '@arena/decoder/ops';
import { loraLinearBackward, loraLinearForward } from '@arena/lora/ops';
import { linear4bitBackward, linear4bitForward } from '@arena/quant/ops';
import { startProfile } from '@arena/runtime';
import { runOp } from '@arena/runtime/op';
import { adamWStep, squaredNorm } from '@arena/trainer/optimizer';
import { backend, dispose, ones, tensor1d, zeros } from '@tensorflow/tfjs-core';
import { random4bit, randomMatrix } from '../../packages/cuda/gpu-check/random-weight.js';

const RANK = 16;

/** Milliseconds of one call by the host's clock and, where the device has timestamps, by its own: { wallMs, gpuMs? }. */
async function timeOf(call, calls) {
  const gpu = backend();
  const run = async () => {
    for (let i = 0; i < calls; i++) dispose([call()].flat());
    gpu.launcher.flush();
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await run(); // compiles
  const start = performance.now();
  await run();
  const wallMs = (performance.now() - start) / calls;
  if (!gpu.device.features.has('timestamp-query')) return { wallMs };
  const profile = startProfile();
  await run();
  const times = await profile.stop();
  return { wallMs, gpuMs: times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / calls };
}

/** Prints a line for each op: GFLOP/s where it is arithmetic that counts, GB/s where it is memory. */
export async function opRates({ small, calls, print }) {
  const tokens = small ? 40 : 1900;
  const shrink = small ? 16 : 1;
  const report = async (op, call, { flops, bytes }) => {
    const time = await timeOf(call, calls);
    const seconds = (time.gpuMs ?? time.wallMs) / 1000;
    print({ op, ...time, ...(flops ? { gflops: flops / seconds / 1e9 } : { gigabytes: bytes / seconds / 1e9 }) });
  };
  for (const [n, k] of [
    [2304, 2304],
    [9216, 2304],
    [2304, 9216],
  ].map((size) => size.map((width) => width / shrink))) {
    const shape = `${tokens}x${n}x${k}`;
    const held = [randomMatrix(tokens, k), randomMatrix(tokens, n), randomMatrix(RANK, k), randomMatrix(n, RANK)];
    const [x, dy, A, B] = held;
    const weight = random4bit(n, k);
    const flops = 2 * tokens * n * k;
    const low = 2 * tokens * RANK * (n + k);
    const lora = { scaling: 2, dropout: { p: 0.05, seed: 1, stream: 2 } };
    await report(`Linear4bit ${shape}`, () => linear4bitForward(x, weight), { flops });
    await report(`Linear4bit transposed ${shape}`, () => linear4bitBackward(dy, weight), { flops });
    await report(
      `LoraLinear ${shape}`,
      () => Object.values(loraLinearForward(x, weight, A, B, lora.scaling, lora.dropout)),
      { flops: flops + low },
    );
    const { y, t } = loraLinearForward(x, weight, A, B, lora.scaling, lora.dropout);
    await report(
      `LoraLinearBackward ${shape}`,
      () => Object.values(loraLinearBackward(dy, { x, t }, weight, A, B, { ...lora, inputGradient: true })),
      { flops: flops + 3 * low },
    );
    dispose([...held, y, t, ...Object.values(weight.tensors)]);
  }
  await attentionRates(report, tokens);
  const width = 2304 / shrink;
  const wide = 9216 / shrink;
  const [x, dx, gate, up] = [width, width, wide, wide].map((columns) => randomMatrix(tokens, columns));
  const weight = ones([width]);
  const cell = 4 * tokens;
  const positions = tensor1d(Int32Array.from({ length: tokens }, (_, t) => t));
  await report('RmsNorm', () => runOp(rmsNormOp, { x, weight }, { eps: 1e-6 }), { bytes: 2 * cell * width });
  await report(
    'RmsNormBackward',
    () => runOp(rmsNormBackwardOp, { dy: dx, x, weight }, { eps: 1e-6, weightGradient: false }),
    { bytes: 3 * cell * width },
  );
  await report('GeGlu', () => runOp(gegluOp, { gate, up }, {}), { bytes: 3 * cell * wide });
  await report('GeGluBackward', () => runOp(gegluBackwardOp, { dy: gate, gate, up }, {}), { bytes: 5 * cell * wide });
  const rope = { headDim: small ? 36 : 256, theta: 10000, frequencyDtype: 'float32', inverse: false };
  await report('Rope', () => runOp(ropeOp, { x, positions }, rope), { bytes: 2 * cell * width });
  const moments = { param: x, expAvg: zeros(x.shape), expAvgSq: zeros(x.shape) };
  const attrs = { learningRate: 1e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step: 1, gradientScale: 1 };
  await report('AdamW', () => Object.values(adamWStep(moments, dx, attrs)), { bytes: 7 * cell * width });
  await report('SquaredNorm', () => squaredNorm(gate), { bytes: cell * wide });
  dispose([x, dx, gate, up, weight, positions, moments.expAvg, moments.expAvgSq]);
}

async function attentionRates(report, tokens) {
  const attrs = { numHeads: 8, numKeyValueHeads: 4, headDim: 256, scale: 1 / 16, softcap: 50, slidingWindow: 0 };
  const [q, k, v, dO] = [8, 4, 4, 8].map((heads) => randomMatrix(tokens, heads * 256));
  const offsets = tensor1d([0, tokens], 'int32');
  const rows = tensor1d(Int32Array.from({ length: tokens }, (_, t) => t));
  const inputs = { q, k, v, offsets, rows };
  const [o, lse] = runOp(attentionOp, inputs, attrs);
  const flops = 2 * tokens * tokens * 8 * 256; // both products, half of the square
  await report(`Attention ${tokens}`, () => runOp(attentionOp, inputs, attrs), { flops });
  await report(`AttentionBackward ${tokens}`, () => runOp(attentionBackwardOp, { do: dO, ...inputs, o, lse }, attrs), {
    flops: 2.5 * flops,
  });
  dispose([q, k, v, dO, offsets, rows, o, lse]);
}
