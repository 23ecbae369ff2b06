/**
 * @file Engine `webgpu` in Node: run it in a folder whose node_modules has the package `webgpu`
 * (`cd FOLDER && node …/bench/webgpu.mjs [--rounds 5] [--size 512x2304x2304]`). Times our 4-bit product beside tfjs's own f32 matMul, the host's share
 * of a launch beside a bare list of dispatches, and counts the launches of a training step.
 */
import { parseArgs } from 'node:util';
import { loadGemma, randomCheckpointFiles, trainableParameters, trainingPass } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { linear4bitBackward, linear4bitForward, quantize4bit, uploadWeight4bit } from '@arena/quant';
import { Mt19937, normal } from '@arena/random';
import { gpuKernel, openEngine, startProfile } from '@arena/runtime';
import { bytesFolder } from '@arena/safetensors';
import { adamW } from '@arena/trainer';
import { add, backend, dispose, matMul, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { SHAPES } from './shapes.mjs';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, size: { type: 'string', default: '512x2304x2304' } },
});
const rounds = Number(flags.rounds);
const engine = await openEngine('webgpu');
console.log(`node ${process.version}, ${engine.device}\n`);
const gpu = backend();

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const range = (values) => `${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)}`;
const finished = () => gpu.device.queue.onSubmittedWorkDone();

await products();
await launches();
await step();
engine.dispose();

async function products() {
  const [m, n, k] = flags.size.split('x').map(Number);
  const x = tensor2d(normal(new Mt19937(1), m * k), [m, k]);
  const dy = tensor2d(normal(new Mt19937(3), m * n), [m, n]);
  const weight = normal(new Mt19937(2), n * k, 0, 0.02);
  const dense = tensor2d(weight, [n, k]);
  const packed = uploadWeight4bit(quantize4bit(weight, [n, k], { doubleQuant: true }));
  const calls = {
    'tfjs f32, x W^T': () => matMul(x, dense, false, true),
    'ours NF4, x W^T': () => linear4bitForward(x, packed),
    'tfjs f32, dy W': () => matMul(dy, dense),
    'ours NF4, dy W': () => linear4bitBackward(dy, packed),
  };
  const times = Object.fromEntries(Object.keys(calls).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, call] of Object.entries(calls)) {
      await finished();
      const start = performance.now();
      const result = call();
      gpu.launcher.flush();
      await finished();
      if (round > 0) times[name].push((performance.now() - start) / 1000); // the first compiles
      dispose(result);
    }
  }
  console.log(`| ${m}x${n}x${k} | seconds | GFLOP/s | tfjs's time / ours |\n| --- | --- | --- | --- |`);
  for (const [name, list] of Object.entries(times)) {
    const peer = times[name.replace('ours NF4', 'tfjs f32')];
    const ratios = list.map((seconds, i) => peer[i] / seconds);
    const gain = peer === list ? '' : `${middle(ratios).toFixed(2)} (${range(ratios)})`;
    console.log(
      `| ${name} | ${middle(list).toFixed(3)} | ${((2e-9 * m * n * k) / middle(list)).toFixed(1)} | ${gain} |`,
    );
  }
}

/** Host time of recording alone; the device has next to nothing to do. */
async function launches() {
  const count = 960;
  const kernel = gpuKernel({
    name: 'bench',
    inputs: { x: 'f32' },
    outputs: { y: 'f32' },
    params: { factor: 'f32' },
    workgroupSize: 4,
    main: 'y[lane] = x[lane] * params.factor;',
  });
  const x = tensor1d(Array.from({ length: 1024 }, (_, i) => i));
  const launch = (outputs) =>
    gpu.launcher.run(kernel, { inputs: { x }, outputs, params: { factor: 2 }, groups: [1] })[0];
  const fixed = launch({ y: [1024] });
  const bare = bareList(kernel.code, count);
  const ways = {
    'bare list, one pass': bare,
    'launcher, fixed output': () => {
      for (let i = 0; i < count; i++) launch({ y: fixed });
      gpu.launcher.flush();
    },
    'launcher, fresh output': () => {
      for (let i = 0; i < count; i++) gpu.disposeData(launch({ y: [1024] }).dataId);
      gpu.launcher.flush();
    },
    'tfjs add': () => {
      for (let i = 0; i < count; i++) add(x, x).dispose();
      gpu.launcher.flush();
    },
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round <= 4 * rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      await finished();
      const start = performance.now();
      way();
      const micros = ((performance.now() - start) * 1000) / count;
      if (round > rounds) times[name].push(micros); // the first rounds warm the compiler up
    }
  }
  const one = middle(times['bare list, one pass']);
  console.log('\n| host time of a launch | microseconds | of the bare list |\n| --- | --- | --- |');
  for (const [name, list] of Object.entries(times)) {
    console.log(`| ${name} | ${middle(list).toFixed(2)} (${range(list)}) | ${(middle(list) / one).toFixed(1)} |`);
  }
}

/** The same dispatch `count` times with nothing around it: what a recorded plan would cost. */
function bareList(code, count) {
  const { device } = gpu;
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const buffer = (usage) => device.createBuffer({ size: 4096, usage });
  const buffers = [buffer(0x80), buffer(0x80), buffer(0x40)]; // STORAGE, STORAGE, UNIFORM
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((one, binding) => ({ binding, resource: { buffer: one } })),
  });
  return () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < count; i++) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}

/** Launches of a step, by kernel: adapters on all seven linears of all layers of `tiny`, one short sequence. */
async function step() {
  const { config } = SHAPES.tiny;
  const model = await loadGemma(bytesFolder(randomCheckpointFiles(config, { seed: 1 })), {
    quantization: {},
    lora: { config: loraConfig({ r: 16, target_modules: 'all-linear' }), seed: 1 },
  });
  const parameters = trainableParameters(model);
  const optimizer = adamW(parameters);
  const ids = Int32Array.from({ length: 64 }, (_, i) => 3 + i);
  const profile = startProfile();
  const { loss, logits } = await trainingPass(model, { ids, offsets: Int32Array.of(0, 64) }, [1]);
  dispose([loss, logits]);
  await optimizer.step(1e-4);
  const times = await profile.stop();
  const calls = times.reduce((sum, time) => sum + time.calls, 0);
  console.log(
    `\n${calls} launches of our kernels a step (${config.numHiddenLayers} layers, ${parameters.length} trained tensors):\n`,
  );
  console.log('| kernel | launches |\n| --- | --- |');
  for (const time of times.toSorted((a, b) => b.calls - a.calls)) {
    console.log(`| ${time.name.slice(0, 60).replaceAll('|', '/')} | ${time.calls} |`);
  }
  optimizer.dispose();
  await model.dispose();
}
