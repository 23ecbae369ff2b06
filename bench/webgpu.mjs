/**
 * @file Engine `webgpu` in Node: run it in a folder whose node_modules has the package `webgpu`
 * (`cd FOLDER && node …/bench/webgpu.mjs [--rounds 5] [--size 512x2304x2304]`). Times our 4-bit product beside tfjs's own f32 matMul, the host's share
 * of a launch beside a bare list of dispatches, and counts the launches of a training step.
 */
import { parseArgs } from 'node:util';
import { quantize4bit } from '@arena/quant';
import { uploadWeight4bit } from '@arena/quant/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { tensor2d } from '@tensorflow/tfjs-core';
import { launchCost } from './webgpu/launch-cost.mjs';
import { countLaunches } from './webgpu/launch-count.mjs';
import { timeProducts } from './webgpu/products.mjs';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, size: { type: 'string', default: '512x2304x2304' } },
});
const rounds = Number(flags.rounds);
const engine = await openEngine('webgpu');
console.log(`node ${process.version}, ${engine.device}\n`);

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const range = (values) => `${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)}`;

await products();
await launches();
await step();
engine.dispose();

async function products() {
  const [m, n, k] = flags.size.split('x').map(Number);
  const weight = normal(new Mt19937(2), n * k, 0, 0.02);
  const times = await timeProducts(
    {
      x: tensor2d(normal(new Mt19937(1), m * k), [m, k]),
      dy: tensor2d(normal(new Mt19937(3), m * n), [m, n]),
      dense: tensor2d(weight, [n, k]),
      packed: uploadWeight4bit(quantize4bit(weight, [n, k], { doubleQuant: true })),
    },
    { rounds },
  );
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

async function launches() {
  const times = await launchCost(4 * rounds);
  const one = middle(times['bare list, one pass']);
  console.log('\n| host time of a launch | microseconds | of the bare list |\n| --- | --- | --- |');
  for (const [name, list] of Object.entries(times)) {
    console.log(`| ${name} | ${middle(list).toFixed(2)} (${range(list)}) | ${(middle(list) / one).toFixed(1)} |`);
  }
}

async function step() {
  const { layers, trained, launches, kernels } = await countLaunches();
  console.log(`\n${launches} launches of our kernels a step (${layers} layers, ${trained} trained tensors):\n`);
  console.log('| kernel | launches |\n| --- | --- |');
  for (const { name, calls } of kernels) console.log(`| ${name.slice(0, 60).replaceAll('|', '/')} | ${calls} |`);
}
