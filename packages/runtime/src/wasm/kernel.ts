/**
 * @file The declaration of a kernel of engine `wasm`. {@link wasmKernel} checks it against the kernel's class of words
 * in its .as.ts file, so that the two cannot disagree. The class gives the order of the words.
 */

import type { TensorInfo } from '@tensorflow/tfjs-core';
import { EngineError } from '../error.js';
import type { HeapType } from './heap.js';
import type { KernelModule, WasmLayout, WasmWord } from './module.js';

/** A number of a call: any word except an address. */
type WasmScalar = Exclude<WasmWord, 'usize'>;

type WordsOf<L extends WasmLayout, T extends WasmWord> = {
  [W in keyof L['words'] as L['words'][W] extends T ? W : never]: L['words'][W];
};
type Address<L extends WasmLayout> = keyof WordsOf<L, 'usize'> & string;

/** Input of {@link wasmKernel}. It names every word of the kernel's class once. */
export interface WasmKernelSource<M extends KernelModule, N extends keyof M['kernels'] & string> {
  /** The package's kernels: src/wasm/kernels.generated.ts, which `arena-build-wasm` writes. */
  module: M;
  /** Name of the exported function in the .as.ts file. */
  name: N;
  /** Addresses (`usize`) that are read. */
  inputs: readonly Address<M['kernels'][N]>[];
  /** Optional addresses to read: 0 when absent. */
  optional?: readonly Address<M['kernels'][N]>[];
  /** Addresses that are written (and may be read). */
  outputs: readonly Address<M['kernels'][N]>[];
  /** Numbers and their types. */
  params: WordsOf<M['kernels'][N], WasmScalar>;
}

/** A kernel that is ready to run. */
export interface WasmKernel<L extends WasmLayout = WasmLayout> {
  readonly module: KernelModule;
  readonly name: string;
  /** Words of a call in order, with their kinds. */
  readonly words: readonly (readonly [string, 'input' | 'optional' | 'output' | WasmScalar])[];
  /** Whole-number constants of the .as.ts file, including imported ones. */
  readonly constants: L['constants'];
  /** Its other classes of words, for {@link packWords}. */
  readonly records: L['records'];
}

/** One run of a kernel. */
export interface WasmRun {
  /** By the kernel's input names: a tensor, or an address in the engine's memory. */
  inputs: { [name: string]: TensorInfo | number | undefined };
  /** By the kernel's output names: the shape of a new float32 tensor, shape and type, or an address to write to. */
  outputs: { [name: string]: number[] | { shape: number[]; dtype: HeapType } | number };
  /** By the kernel's parameter names. Integers are taken modulo 2^32. */
  params: { [name: string]: number };
  /** Number of calls of the kernel, with `task` from 0. The threads share the calls. */
  tasks: number;
  /** Bytes of scratch that each thread gets (default 0). */
  scratch?: number;
}

/**
 * Declares a kernel.
 * @throws EngineError when the module has no such kernel, or when words are missing, unknown or of another type than in
 * its class.
 */
export function wasmKernel<const M extends KernelModule, N extends keyof M['kernels'] & string>(
  source: WasmKernelSource<M, N>,
): WasmKernel<M['kernels'][N]> {
  const { module, name, inputs, optional = [], outputs, params } = source;
  const layout: WasmLayout | undefined = module.kernels[name];
  if (!layout) {
    const names = Object.keys(module.kernels).join(', ');
    throw new EngineError(
      'kernel',
      `${module.name} has no wasm kernel '${name}'; it has ${names}. Run arena-build-wasm`,
    );
  }
  const declared = new Map<string, WasmKernel['words'][number][1]>(
    Object.entries(params as { [word: string]: WasmScalar }),
  );
  for (const word of inputs) declared.set(word, 'input');
  for (const word of optional) declared.set(word, 'optional');
  for (const word of outputs) declared.set(word, 'output');
  for (const [word, role] of declared) {
    const type = layout.words[word];
    const wanted = role === 'input' || role === 'optional' || role === 'output' ? 'usize' : role;
    if (type === wanted) continue;
    throw new EngineError(
      'kernel',
      `${module.name} wasm kernel '${name}': '${word}' is declared as ${wanted}, and its class has ${type ? `it as ${type}` : 'no such word'}`,
    );
  }
  const words = Object.keys(layout.words).map((word) => {
    const role = declared.get(word);
    if (role) return [word, role] as const;
    throw new EngineError(
      'kernel',
      `${module.name} wasm kernel '${name}': the word '${word}' of its class is not declared`,
    );
  });
  return { module, name, words, constants: layout.constants, records: layout.records };
}

const floatScratch = new Float32Array(1);
const wordScratch = new Int32Array(floatScratch.buffer);

/** The 32 bits of a float. */
export function floatWord(value: number): number {
  floatScratch[0] = value;
  return wordScratch[0];
}

/** A record's 32-bit words in the order of its class, for a kernel that reads them by address. */
export function packWords<R extends { readonly [word: string]: WasmWord }>(
  record: R,
  values: { readonly [word in keyof R]: number },
): number[] {
  return Object.entries(record).map(([word, type]) => (type === 'f32' ? floatWord(values[word]) : values[word]));
}
