/** @file `arena doctor`: what this machine offers, and what stands in the way of more. */
import { cpus, totalmem } from 'node:os';
import { type CudaReport, inspectCuda } from '@arena/cuda';
import { tuneWebgpu } from '@arena/quant';
import { type Launcher, openEngine, storeTiles } from '@arena/runtime';
import { backend } from '@tensorflow/tfjs-core';
import type { Command } from 'commander';
import { automaticEngine } from '../engine-option.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('show which engines work here, and why the others do not')
    .option('--tune', 'measure which tiles engine webgpu multiplies fastest with, and keep the choice for this GPU')
    .action(({ tune: wanted }: { tune?: boolean }) => (wanted ? tune() : doctor()));
}

/** Measures on engine `webgpu`, prints the times and keeps the choice. */
async function tune(): Promise<void> {
  const engine = await openEngine('webgpu');
  const { launcher } = backend() as unknown as { launcher: Launcher };
  // a software adapter would take minutes over the products of a real model
  const size = launcher.software ? { tokens: 128, width: 128, rounds: 3 } : {};
  console.log(`webgpu     ${engine.device}: products by tile, milliseconds`);
  const times = await tuneWebgpu(size);
  for (const form of ['nt', 'nn', 'tn'] as const) {
    const each = times.filter((time) => time.form === form).sort((a, b) => a.milliseconds - b.milliseconds);
    const list = each.map(
      ({ tile, milliseconds, chosen }) => `${tile} ${milliseconds.toFixed(3)}${chosen ? ' <-' : ''}`,
    );
    console.log(`${form.padEnd(10)} ${list.join(', ')}`);
  }
  console.log(`kept in ${storeTiles(launcher)} for this adapter, its driver and these kernels`);
  engine.dispose();
}

async function doctor(): Promise<void> {
  const [cpu] = cpus();
  console.log(`node ${process.version}, ${process.platform} ${process.arch}`);
  console.log(
    `${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
  );
  const auto = await automaticEngine();
  for (const name of ['cuda', 'webgpu', 'wasm', 'tensorflow', 'cpu'] as const) {
    try {
      const engine = await openEngine(name);
      const what = engine.device ?? `${engine.threads} thread${engine.threads > 1 ? 's' : ''}`;
      console.log(`${name.padEnd(10)} ok, ${what}${name === auto ? ' <- auto' : ''}`);
      engine.dispose();
    } catch (error) {
      console.log(`${name.padEnd(10)} no: ${(error as Error).message}`);
    }
  }
  for (const line of nvidiaLines(await inspectCuda())) console.log(line);
}

/** What there is of NVIDIA, and what would make it faster; nothing where there is no driver. */
function nvidiaLines({ driver, devices, cublasLt, advice }: CudaReport): string[] {
  if (!driver) return [];
  return [
    `nvidia     driver ${driver.library} for CUDA ${driver.cuda}`,
    ...devices.map(
      ({ ordinal, name, computeCapability, multiprocessors, memory, supported }) =>
        `nvidia     GPU ${ordinal}: ${name}, compute capability ${computeCapability}${supported ? '' : ' (too old)'}, ` +
        `${multiprocessors} multiprocessors, ${(memory / 2 ** 30).toFixed(1)} GiB`,
    ),
    `nvidia     cuBLASLt ${cublasLt ?? 'not found'}`,
    ...advice.map((line) => `nvidia     ${line}`),
  ];
}
