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
  blas: string;
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
    .option(
      '--bf16',
      'factors of large products rounded to bfloat16: on tensor cores, and attention with them (engine cuda), or by oneDNN (engine wasm)',
    )
    .option(
      '--no-cublaslt',
      "--bf16 by the engine's own kernels even where NVIDIA's cuBLASLt is installed (engine cuda)",
    )
    .option('--f16', 'weights and activations in half precision inside products, where the GPU has it (engine webgpu)')
    .option(
      '--blas <which>',
      'library of large products: auto (the first found of Accelerate, OpenBLAS, MKL, oneDNN, BLIS; needs koffi), off, or a path (engine wasm)',
      'auto',
    )
    .option(
      '--wide',
      '256-bit vectors by an experimental V8 flag (engine wasm, Node 24 or later; `train` tries them by itself)',
    )
    .option('--no-wide', 'vectors of 128 bits everywhere (engine wasm)');
}

/** Registers the engines of separate packages. */
export function provideEngines(): void {
  provideEngine('cuda', async () => (await import('@arena/cuda')).cudaEngine);
}

/** The engine that a flag belongs to. */
const ENGINE_OF = { threads: 'wasm', wide: 'wasm', gpu: 'cuda', f16: 'webgpu' } as const;

/**
 * Opens the engine of the flags. `auto` with a flag of one engine means that engine. Otherwise it means the first of
 * cuda, webgpu on a GPU, and wasm that opens.
 * @param more.memoryBudget Most bytes of a GPU's memory.
 * @param more.triesWide Whether the job is long enough for half a second that tries vectors of 256 bits.
 * @param more.shares Whether other processes on this machine do the same. Each then gets one thread, and a GPU only
 * when a flag asks for it.
 * @throws Error when a flag belongs to another engine than `--engine`.
 */
export async function openFlagged(
  flags: EngineFlags,
  { memoryBudget, shares, triesWide }: { memoryBudget?: number; shares?: boolean; triesWide?: boolean } = {},
): Promise<Engine> {
  provideEngines();
  const { gpu, bf16, cublaslt, f16 } = flags;
  const wide = flags.wide ?? (triesWide ? ('auto' as const) : undefined);
  let { engine } = flags;
  for (const [flag, owner] of Object.entries(ENGINE_OF)) {
    const value = flags[flag as keyof typeof ENGINE_OF];
    if (value === undefined || value === false) continue;
    if (engine === 'auto') engine = owner;
    if (engine !== owner) throw new Error(`--${flag} is a flag of engine ${owner}, not of engine ${engine}`);
  }
  if (engine === 'auto' && shares) engine = 'wasm';
  if (bf16 && engine !== 'auto' && engine !== 'cuda' && engine !== 'wasm')
    throw new Error(`--bf16 is a flag of engines cuda and wasm, not of engine ${engine}`);
  const options = {
    cuda: { gpu, bf16, cublasLt: cublaslt, memoryBudget },
    webgpu: { f16 },
    wasm: { threads: flags.threads ?? (shares ? 1 : undefined), wide },
  };
  const open = async (name: EngineName | 'auto') => {
    const usesWasm = name === 'auto' || name === 'wasm';
    const wasm = usesWasm ? { ...options.wasm, blas: await blasOf(flags.blas, bf16) } : options.wasm;
    return name === 'auto'
      ? openEngine('auto', { ...options, wasm })
      : openEngine(name, optionsOf(name, { ...options, wasm }));
  };
  // of the engines with bfloat16, cuda is the faster one
  const opened = engine === 'auto' && bf16 ? await open('cuda').catch(() => open('wasm')) : await open(engine);
  for (const note of opened.notes) console.error(`engine ${opened.name}: ${note}`);
  return opened;
}

/** Name, threads, who multiplies, precision. */
export function engineInWords({ name, device, threads, wide, blas, halves }: Engine): string {
  const parts = [device ? `${name} on ${device}` : name, `${threads} thread${threads > 1 ? 's' : ''}`];
  if (wide) parts.push('256-bit vectors');
  if (blas) parts.push(`products by ${blas.name}`);
  return `${parts.join(', ')}, ${halves || blas?.bf16 ? 'bfloat16' : 'float32'}`;
}

/**
 * The library of `--blas`. `auto` goes on without one, except with `--bf16`.
 * @throws EngineError when the library that is asked for cannot be used.
 */
async function blasOf(which: string, bf16: boolean | undefined) {
  if (which === 'off') {
    if (bf16) throw new Error('--bf16 on engine wasm needs a library: leave --blas off out');
    return undefined;
  }
  const { openBlas } = await import('@arena/runtime/blas');
  if (which !== 'auto') return openBlas({ path: which, bf16 });
  return bf16 ? openBlas({ bf16 }) : openBlas().catch(() => undefined);
}

function optionsOf(engine: EngineName, options: AutoOptions): EngineOptions {
  return { ...options[engine as keyof AutoOptions] };
}
