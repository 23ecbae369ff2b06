/** @file A package's WebAssembly kernels, and the choice of their build for this machine. */
import { EngineError } from '../error.js';

/**
 * Builds of a kernel module: without relaxed SIMD, with it, and with it and a matrix product for 256-bit vectors.
 */
export type Build = 'plain' | 'relaxed' | 'wide';

/** Type of a 32-bit word of a kernel; `usize` is an address. */
export type WasmWord = 'usize' | 'i32' | 'u32' | 'f32';

/** A kernel's layout, which `arena-build-wasm` reads from its .as.ts file. */
export interface WasmLayout {
  /** Fields of the kernel's class, in order. */
  readonly words: { readonly [word: string]: WasmWord };
  /** Whole-number constants that the file declares or imports. */
  readonly constants: { readonly [name: string]: number };
  /** Fields of other classes that the file declares or imports. */
  readonly records: { readonly [name: string]: { readonly [word: string]: WasmWord } };
}

/** Kernels in the form of `arena-build-wasm`: a WebAssembly module for each build, in base64. */
export interface KernelModule {
  /** Their package, for messages. */
  readonly name: string;
  readonly kernels: { readonly [name: string]: WasmLayout };
  readonly plain: string;
  readonly relaxed: string;
  /** Absent where it equals `relaxed`. */
  readonly wide?: string;
}

/** `(args, task, scratch)`: address of the arguments, number of the task, address of the thread's own scratch. */
export type KernelFunction = (args: number, task: number, scratch: number) => void;

/** Major version of Node; undefined in a browser. */
export function nodeMajor(): number | undefined {
  const version = typeof process === 'undefined' ? undefined : process.versions?.node;
  return version === undefined ? undefined : Number.parseInt(version, 10);
}

/** V8 flags that a build needs in each thread: Node 20 has relaxed SIMD behind one, every Node 256-bit vectors. */
export function v8Flags(build: Build): string[] {
  const flags = [];
  if (build !== 'plain' && nodeMajor() === 20) flags.push('--experimental-wasm-relaxed-simd');
  if (build === 'wide') flags.push('--experimental-wasm-revectorize');
  return flags;
}

/** Sets V8 flags, which affect the whole process. */
export function setV8Flags(flags: readonly string[]): void {
  for (const flag of flags) process.getBuiltinModule('node:v8').setFlagsFromString(flag);
}

/** (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd) */
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
]);

/** (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt) */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** @throws EngineError where there is no WebAssembly with SIMD: without it no kernel compiles. */
export function requireSimd(): void {
  if (typeof WebAssembly === 'object' && WebAssembly.validate(SIMD_PROBE)) return;
  throw new EngineError(
    'unavailable',
    "engine 'wasm' needs WebAssembly with SIMD, which is not here: browsers have it since Chrome 91, Firefox 89 and Safari 16.4, unless it is switched off",
  );
}

/** Whether this runtime compiles relaxed SIMD. Sets the flag where it needs one. */
export function relaxedSimdAvailable(): boolean {
  setV8Flags(v8Flags('relaxed'));
  return WebAssembly.validate(RELAXED_PROBE);
}

/**
 * Bytes of the build to use. For an unshared memory it clears the flag of the module's import.
 * @throws EngineError when it is not a {@link KernelModule}.
 */
export function moduleBytes(module: KernelModule, build: Build, shared: boolean): Uint8Array<ArrayBuffer> {
  const text: unknown = module?.[build] ?? module?.relaxed;
  if (typeof text !== 'string') {
    throw new EngineError(
      'kernel',
      'a KernelModule is { name, kernels, plain, relaxed }: its name, the kernels in it, and the WebAssembly of each build in base64',
    );
  }
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return shared ? bytes : withUnsharedMemory(bytes, module.name);
}

/** Import entry "env" "memory", a memory (2) with a maximum and shared (3): 3 becomes 1, a maximum alone. */
function withUnsharedMemory(bytes: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> {
  const entry = [3, ...ascii('env'), 6, ...ascii('memory'), 2, 3];
  for (let at = 0; at + entry.length <= bytes.length; at++) {
    if (entry.every((byte, i) => bytes[at + i] === byte)) {
      bytes[at + entry.length - 1] = 1;
      return bytes;
    }
  }
  throw new EngineError('kernel', `${name}: the kernel module does not import a shared memory 'env.memory'`);
}

function ascii(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}
