/** @file A package's WebAssembly kernels, and the build of them that suits this machine. */

/** Kernels as tools/build-wasm.mjs writes them: one module with relaxed SIMD and one without, in base64. */
export interface KernelModule {
  /** Package that they come from, for messages. */
  readonly name: string;
  readonly plain: string;
  readonly relaxed: string;
}

/** `(args, task, scratch)`: address of the arguments, number of the task, address of the thread's own scratch. */
export type KernelFunction = (args: number, task: number, scratch: number) => void;

/** Node 20 has relaxed SIMD behind a flag. */
export function needsRelaxedFlag(): boolean {
  return typeof process !== 'undefined' && process.versions?.node?.startsWith('20.') === true;
}

/** (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd) */
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
]);

/** Whether this engine compiles relaxed SIMD, turned on where that takes a flag. */
export function relaxedSimdAvailable(): boolean {
  if (needsRelaxedFlag()) {
    process.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
  }
  return WebAssembly.validate(RELAXED_PROBE);
}

/** Bytes of the build to use; a memory that is not shared needs the flag of the module's import cleared. */
export function moduleBytes(module: KernelModule, relaxed: boolean, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(relaxed ? module.relaxed : module.plain), (char) => char.charCodeAt(0));
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
  throw new Error(`${name}: the kernel module does not import a shared memory 'env.memory'`);
}

function ascii(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0));
}
