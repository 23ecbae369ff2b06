/** @file The engine flags that commands share. */

import {
  type AutoOptions,
  type Engine,
  type EngineName,
  type EngineOptions,
  openEngine,
  provideEngine,
} from '@arena/runtime';
import { type Command, Option } from 'commander';
import { integer } from './arguments.js';

export interface EngineFlags {
  engine: EngineName | 'auto';
  threads?: number;
  wide?: boolean;
  gpu?: number;
  bf16?: boolean;
  cublaslt?: boolean;
  f16?: boolean;
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--engine <name>',
        'compute engine; auto: the first of cuda, webgpu on a GPU, and wasm that opens here',
      )
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
    .option('--f16', 'weights and activations in half precision inside products, where the GPU has it (engine webgpu)')
    .option('--wide', '256-bit vectors by an experimental V8 flag (engine wasm, Node 24 or later)');
}

/** Registers the engines of separate packages. */
export function provideEngines(): void {
  provideEngine('cuda', async () => (await import('@arena/cuda')).cudaEngine);
}

/** The engine that a flag belongs to. */
const ENGINE_OF = { threads: 'wasm', wide: 'wasm', gpu: 'cuda', bf16: 'cuda', f16: 'webgpu' } as const;

/**
 * Opens the engine of the flags. `auto` with a flag of one engine means that engine. Otherwise it means the first of
 * cuda, webgpu on a GPU, and wasm that opens.
 * @param more.memoryBudget Most bytes of a GPU's memory.
 * @param more.shares Whether other processes on this machine do the same. Each then gets one thread, and a GPU only
 * when a flag asks for it.
 * @throws Error when a flag belongs to another engine than `--engine`.
 */
export async function openFlagged(
  flags: EngineFlags,
  { memoryBudget, shares }: { memoryBudget?: number; shares?: boolean } = {},
): Promise<Engine> {
  provideEngines();
  const { wide, gpu, bf16, cublaslt, f16 } = flags;
  let { engine } = flags;
  for (const [flag, owner] of Object.entries(ENGINE_OF)) {
    if (flags[flag as keyof typeof ENGINE_OF] === undefined) continue;
    if (engine === 'auto') engine = owner;
    if (engine !== owner) throw new Error(`--${flag} is a flag of engine ${owner}, not of engine ${engine}`);
  }
  if (engine === 'auto' && shares) engine = 'wasm';
  const options = {
    cuda: { gpu, bf16, cublasLt: cublaslt, memoryBudget },
    webgpu: { f16 },
    wasm: { threads: flags.threads ?? (shares ? 1 : undefined), wide },
  };
  const opened =
    engine === 'auto' ? await openEngine('auto', options) : await openEngine(engine, optionsOf(engine, options));
  for (const note of opened.notes) console.error(`engine ${opened.name}: ${note}`);
  return opened;
}

function optionsOf(engine: EngineName, options: AutoOptions): EngineOptions {
  return { ...options[engine as keyof AutoOptions] };
}
