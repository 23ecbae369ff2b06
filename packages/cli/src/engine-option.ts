/** @file The engine flags that commands share. */

import { type Engine, type EngineName, openEngine, provideEngine } from '@arena/runtime';
import { type Command, Option } from 'commander';
import { integer } from './arguments.js';

export interface EngineFlags {
  engine: EngineName | 'auto';
  threads?: number;
  wide?: boolean;
  gpu?: number;
  bf16?: boolean;
  cublaslt?: boolean;
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <name>', 'compute engine')
        .choices(['auto', 'cuda', 'webgpu', 'wasm', 'tensorflow', 'cpu'])
        .default('auto'),
    )
    .option('--threads <n>', 'threads that compute (engine wasm)', integer(1, 64))
    .option('--gpu <n>', 'number of the GPU (engine cuda; default: the first that is new enough)', integer(0, 1023))
    .option('--bf16', 'large products and attention on tensor cores, of factors rounded to bfloat16 (engine cuda)')
    .option(
      '--no-cublaslt',
      "--bf16 by the engine's own kernels even where NVIDIA's cuBLASLt is installed (engine cuda)",
    )
    .option('--wide', '256-bit vectors by an experimental V8 flag (engine wasm, Node 24 or later)');
}

/** Says where the engines come from that packages of their own bring. */
export function provideEngines(): void {
  provideEngine('cuda', async () => (await import('@arena/cuda')).cudaEngine);
}

export async function openFlagged({ engine, threads, wide, gpu, bf16, cublaslt }: EngineFlags): Promise<Engine> {
  const opened = await openEngine(engine, { threads, wide, gpu, bf16, cublasLt: cublaslt });
  for (const note of opened.notes) console.error(`engine ${opened.name}: ${note}`);
  return opened;
}
