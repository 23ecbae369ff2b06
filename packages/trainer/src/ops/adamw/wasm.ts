/** @file AdamW and SquaredNorm on engine `wasm`. */
import { floatWord, type OpKernel, wasmBackend } from '@arena/runtime';
import { util } from '@tensorflow/tfjs-core';
import { kernels } from '../../wasm/kernels.generated.js';
import { adamWFactors } from './factors.js';
import type { AdamWAttrs } from './op.js';

/** Values that one task takes; as in kernel.as.ts. */
const VALUES = 16384;

export const adamWWasm: OpKernel<AdamWAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { param, gradient, expAvg, expAvgSq } = inputs;
  const count = util.sizeFromShape(param.shape);
  const outputs = [param, expAvg, expAvgSq].map(({ shape }) => backend.output(shape));
  backend.pool.run({
    module: kernels,
    kernel: 'adamW',
    args: [
      ...[param, gradient, expAvg, expAvgSq].map((tensor) => backend.pointer(tensor)),
      ...outputs.map(({ pointer }) => pointer),
      count,
      ...Object.values(adamWFactors(attrs)).map(floatWord),
    ],
    tasks: Math.ceil(count / VALUES),
  });
  return outputs.map(({ pointer: _, ...output }) => output);
};

export const squaredNormWasm: OpKernel<Record<string, never>> = ({ inputs: { x }, backend: current }) => {
  const backend = wasmBackend(current);
  const count = util.sizeFromShape(x.shape);
  const tasks = Math.ceil(count / VALUES);
  const from = backend.pointer(x);
  const { pointer: sum, ...output } = backend.output([]);
  backend.withMemory(8 * tasks, (parts) => {
    backend.pool.run({ module: kernels, kernel: 'squaredParts', args: [from, parts, count], tasks });
    backend.pool.run({ module: kernels, kernel: 'sumParts', args: [parts, sum, tasks], tasks: 1 });
  });
  return [output];
};
