/** @file Finds a native library of matrix products for engine `wasm`. */
import { EngineError } from '../error.js';
import type { BindProduct, Koffi, NativeProducts } from '../wasm/native.js';
import { bindCblas, CBLAS } from './cblas.js';
import { bindOnednn } from './onednn.js';

/** File names of each library, in the order of preference. oneDNN alone has products of bfloat16. */
const FILES: { [platform: string]: readonly string[] } = {
  darwin: ['/System/Library/Frameworks/Accelerate.framework/Accelerate', 'libdnnl.dylib', 'libopenblas.dylib'],
  win32: ['dnnl.dll', 'mkl_rt.3.dll', 'mkl_rt.2.dll', 'libopenblas.dll', 'openblas.dll'],
  linux: [
    ...['libopenblas.so.0', 'libopenblas.so', 'libmkl_rt.so.3', 'libmkl_rt.so.2', 'libmkl_rt.so'],
    ...['libdnnl.so.3', 'libdnnl.so.2', 'libblis.so.4', 'libblis.so'],
  ],
};

/** Variables that the libraries read when they are loaded: no library starts threads of its own. */
const ONE_THREAD = ['OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'BLIS_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS'];

/** MKL's names: one thread a call, and integers of 32 bits. Source: mkl_service.h. */
const [MKL_SEQUENTIAL, MKL_LP64] = [1, 0];

/** Options of {@link openBlas}. */
export interface BlasOptions {
  /** Path or file name of the library (default: the first of those known that is installed). */
  path?: string;
  /** true: products of frozen weights round both factors to bfloat16, with sums in float32 (default: false). */
  bf16?: boolean;
}

/**
 * Finds a library of matrix products: Accelerate, oneDNN, MKL, OpenBLAS or BLIS. Engine `wasm` calls it from its threads.
 * @throws EngineError when koffi or a library is missing, or when the library does not have what is needed.
 * @example
 * const engine = await openEngine('wasm', { blas: await openBlas() });
 */
export async function openBlas({ path, bf16 = false }: BlasOptions = {}): Promise<NativeProducts> {
  const { koffi, koffiPath } = await importKoffi();
  const names = path === undefined ? (FILES[process.platform] ?? FILES.linux) : [path];
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return { ...describe(koffi, name, bf16), path: name, koffi: koffiPath, bf16 };
    } catch (error) {
      reasons.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  const wanted = bf16 ? 'oneDNN, for products of bfloat16,' : 'library of matrix products';
  if (path !== undefined) throw new EngineError('unavailable', `no ${wanted} in ${reasons[0]}`);
  throw new EngineError('unavailable', `no ${wanted} is installed: ${HOW[process.platform] ?? HOW.linux}`);
}

const HOW: { [platform: string]: string } = {
  linux: 'install libdnnl (oneDNN) or libopenblas with the package manager (Debian: apt install libopenblas0)',
  darwin: 'Accelerate, a part of macOS, could not be loaded',
  win32: 'put openblas.dll or dnnl.dll where Windows finds it',
};

/** What a thread needs to bind a library. @throws Error when it cannot be loaded or used. */
function describe(koffi: Koffi, path: string, bf16: boolean): Pick<NativeProducts, 'name' | 'bind' | 'data'> {
  const library = withOneThread(() => koffi.load(path));
  const has = (symbol: string) => {
    try {
      return library.func(`void ${symbol}()`);
    } catch {
      return undefined;
    }
  };
  if (has('dnnl_sgemm')) {
    const [major, minor, patch] = koffi.decode(library.func('void *dnnl_version()')(), 'int', 3);
    return { name: `oneDNN ${major}.${minor}.${patch}`, bind: bindOnednn as BindProduct, data: { major } };
  }
  if (bf16) throw new Error('not oneDNN, the one library whose products of bfloat16 are used');
  if (!has('cblas_sgemm')) throw new Error('it has neither cblas_sgemm nor dnnl_sgemm');
  return { name: cblasName(library, has, path), bind: bindCblas as BindProduct, data: CBLAS };
}

/** Name and version. @throws Error for a build that threads cannot share or whose integers have 64 bits. */
function cblasName(library: ReturnType<Koffi['load']>, has: (symbol: string) => unknown, path: string): string {
  if (has('openblas_get_config')) {
    const config: string = library.func('const char *openblas_get_config()')();
    if (config.includes('USE64BITINT')) throw new Error('an OpenBLAS whose integers have 64 bits (ILP64)');
    if (library.func('int openblas_get_parallel()')() === 0 && !config.includes('USE_LOCKING')) {
      throw new Error('an OpenBLAS that threads cannot share (built for one thread, without USE_LOCKING)');
    }
    return config.split(' ').slice(0, 2).join(' ');
  }
  if (has('bli_info_get_version_str')) return `BLIS ${library.func('const char *bli_info_get_version_str()')()}`;
  if (has('MKL_Get_Version_String')) {
    // other layers need a library of threads, and end the process where there is none
    library.func('int MKL_Set_Threading_Layer(int)')(MKL_SEQUENTIAL);
    library.func('int MKL_Set_Interface_Layer(int)')(MKL_LP64);
    const text = new Uint8Array(200);
    library.func('void MKL_Get_Version_String(void *, int)')(text, text.length);
    const [, version] = /Version ([\d.]+)/.exec(new TextDecoder().decode(text)) ?? [];
    return version ? `MKL ${version}` : 'MKL';
  }
  return path.includes('Accelerate') ? 'Accelerate' : 'CBLAS';
}

/** Runs `load` while the environment allows libraries one thread. */
function withOneThread<T>(load: () => T): T {
  const before = ONE_THREAD.map((name) => process.env[name]);
  for (const name of ONE_THREAD) process.env[name] = '1';
  try {
    return load();
  } finally {
    for (const [i, name] of ONE_THREAD.entries()) {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    }
  }
}

async function importKoffi(): Promise<{ koffi: Koffi; koffiPath: string }> {
  const { createRequire } = process.getBuiltinModule('node:module');
  for (const from of [import.meta.url, `${process.cwd()}/package.json`]) {
    const require = createRequire(from);
    let koffiPath: string;
    try {
      koffiPath = require.resolve('koffi');
    } catch {
      continue;
    }
    return { koffi: require(koffiPath), koffiPath };
  }
  throw new EngineError('unavailable', 'native products need the package koffi: npm install koffi');
}
