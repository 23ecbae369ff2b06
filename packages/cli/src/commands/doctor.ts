/** @file `arena doctor`: what this machine offers, and what is missing for more. */

import { cpus, totalmem } from 'node:os';
import { type CudaReport, inspectCuda } from '@arena/cuda';
import { tuneWebgpu } from '@arena/quant/ops';
import { openEngine } from '@arena/runtime';
import { gpuLauncher, storeTiles } from '@arena/runtime/webgpu';
import { backend, type KernelBackend } from '@tensorflow/tfjs-core';
import type { Command } from 'commander';
import { type BlasReport, blasLines, inspectBlas } from '../doctor/blas.js';
import { provideEngines } from '../flags/engine-option.js';

export function define(command: Command): void {
  command
    .option('--tune', 'measure which tiles engine webgpu multiplies fastest with, and keep the choice for this GPU')
    .option('--json', 'print one JSON object, for a report of a fault')
    .action(async ({ tune: wanted, json }: { tune?: boolean; json?: boolean }) => {
      if (wanted) return tune();
      provideEngines();
      const findings = await examine(command.parent?.version() ?? '');
      if (json) console.log(JSON.stringify(findings, null, 2));
      else for (const line of linesOf(findings)) console.log(line);
    });
}

/** Measures tiles on engine `webgpu`, prints the times and stores the choice. */
async function tune(): Promise<void> {
  const engine = await openEngine('webgpu');
  const launcher = gpuLauncher(backend() as KernelBackend);
  // a software adapter would need minutes for the products of a real model
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

const ENGINES = ['cuda', 'webgpu', 'wasm', 'tensorflow', 'cpu'] as const;

/** What the doctor finds. */
interface Findings {
  arena: string;
  node: string;
  platform: string;
  cpu: string;
  cores: number;
  memoryGiB: number;
  /** `why`: the reason that the engine does not open, or the device it computes on. */
  engines: { name: (typeof ENGINES)[number]; opens: boolean; device?: string; why?: string }[];
  /** The engine that `--engine auto` opens here. */
  auto: string;
  blas: BlasReport;
  nvidia: CudaReport;
}

async function examine(version: string): Promise<Findings> {
  const engines: Findings['engines'] = [];
  for (const name of ENGINES) {
    try {
      const engine = await openEngine(name);
      const device = engine.device ?? `${engine.threads} thread${engine.threads > 1 ? 's' : ''}`;
      engines.push({ name, opens: true, device });
      engine.dispose();
    } catch (error) {
      engines.push({ name, opens: false, why: (error as Error).message });
    }
  }
  const auto = await openEngine('auto');
  auto.dispose();
  const [cpu] = cpus();
  return {
    arena: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    engines,
    auto: auto.name,
    blas: await inspectBlas(),
    nvidia: await inspectCuda(),
  };
}

function linesOf({ node, platform, cpu, cores, memoryGiB, engines, auto, blas, nvidia }: Findings): string[] {
  return [
    `node ${node}, ${platform}`,
    `${cores} x ${cpu}, ${memoryGiB.toFixed(1)} GiB of memory`,
    ...engines.map(({ name, opens, device, why }) =>
      opens ? `${name.padEnd(10)} ok, ${device}${name === auto ? ' <- auto' : ''}` : `${name.padEnd(10)} no: ${why}`,
    ),
    ...blasLines(blas),
    ...nvidiaLines(nvidia),
  ];
}

/** The NVIDIA driver and GPUs, and what would make them faster. Empty without a driver. */
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
