/**
 * @file NVIDIA's cuBLASLt, where the machine has it (CUDA toolkit, or the wheels that PyTorch brings): large products
 * of bfloat16 matrices. Functions and numbers follow cublasLt.h.
 */
import type { CudaBlas } from '@arena/runtime/cuda';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { CudaBackend } from './backend.js';
import { CudaError } from './error.js';
import type { Koffi } from './koffi.js';

const LIBRARIES =
  process.platform === 'win32'
    ? ['cublasLt64_13.dll', 'cublasLt64_12.dll', 'cublasLt64_11.dll']
    : ['libcublasLt.so.13', 'libcublasLt.so.12', 'libcublasLt.so.11'];

const P = 'void *';
const U = 'uint64_t'; // a handle, or an address
const FUNCTIONS = {
  cublasLtCreate: [P],
  cublasLtDestroy: [U],
  cublasLtMatmulDescCreate: [P, 'int', 'int'],
  cublasLtMatmulDescDestroy: [U],
  cublasLtMatmulDescSetAttribute: [U, 'int', P, 'size_t'],
  cublasLtMatrixLayoutCreate: [P, 'int', U, U, 'int64_t'],
  cublasLtMatrixLayoutDestroy: [U],
  cublasLtMatmulPreferenceCreate: [P],
  cublasLtMatmulPreferenceDestroy: [U],
  cublasLtMatmulPreferenceSetAttribute: [U, 'int', P, 'size_t'],
  cublasLtMatmulAlgoGetHeuristic: [U, U, U, U, U, U, U, 'int', P, P],
  cublasLtMatmul: [U, U, P, U, U, U, U, P, U, U, U, U, P, U, 'size_t', U],
} as const;
type FunctionName = keyof typeof FUNCTIONS;
type Argument = number | ArrayBufferView;

const [FLOAT, BFLOAT16] = [0, 14]; // cudaDataType
const COMPUTE_FLOAT = 68; // CUBLAS_COMPUTE_32F
const TRANSPOSE_FIRST = 3; // CUBLASLT_MATMUL_DESC_TRANSA
const MOST_WORKSPACE = 1; // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
/** Bytes of a cublasLtMatmulHeuristicResult_t. The first 64 are the algorithm. */
const RESULT_BYTES = 96;
/** Number of plans kept: batches differ in their rows. */
const MOST_PLANS = 256;
/** Workspace that NVIDIA advises for Hopper. */
const WORKSPACE_BYTES = 32 * 2 ** 20;

/** How products of one size are computed: the library's handles. */
interface Plan {
  operation: number;
  layouts: readonly [a: number, b: number, c: number];
  algorithm: Uint8Array;
}

type Library = ReturnType<Koffi['load']>;

/** The first cuBLASLt that the loader finds. ARENA_CUBLASLT_LIBRARY names another file. */
function loadCublasLt(koffi: Koffi): { name: string; library: Library } | undefined {
  const named = process.env.ARENA_CUBLASLT_LIBRARY;
  for (const name of named ? [named] : LIBRARIES) {
    try {
      return { name, library: koffi.load(name) };
    } catch {
      // tries the next one
    }
  }
  return undefined;
}

/** The name of the library that {@link openCublasLt} would take. */
export function findCublasLt(koffi: Koffi): string | undefined {
  const found = loadCublasLt(koffi);
  found?.library.unload();
  return found?.name;
}

/** cuBLASLt for a backend, and the function that frees its memory. */
export interface CublasLt extends CudaBlas {
  close(): void;
}

/**
 * Opens the library; undefined where there is none.
 * @throws CudaError when it lacks a function, or refuses the device.
 */
export function openCublasLt(backend: CudaBackend): CublasLt | undefined {
  const { context } = backend;
  const found = loadCublasLt(context.driver.koffi);
  if (!found) return undefined;
  const { name: libraryName } = found;
  const call = bind(found.library, libraryName);
  const made = (name: FunctionName, ...values: Argument[]) => {
    const out = new BigUint64Array(1);
    call(name, out, ...values);
    return Number(out[0]);
  };
  const handle = made('cublasLtCreate');
  const preference = made('cublasLtMatmulPreferenceCreate');
  call(
    'cublasLtMatmulPreferenceSetAttribute',
    preference,
    MOST_WORKSPACE,
    BigUint64Array.of(BigInt(WORKSPACE_BYTES)),
    8,
  );
  const plans = new Map<string, Plan>();
  let workspace: number | undefined;
  const [alpha, beta] = [new Float32Array(1), new Float32Array(1)];

  /** The library is column-major: its first matrix is B, read transposed, and its result is C^T. */
  function planOf(m: number, n: number, k: number): Plan {
    const key = `${m} ${n} ${k}`;
    const known = plans.get(key);
    if (known) return known;
    const operation = made('cublasLtMatmulDescCreate', COMPUTE_FLOAT, FLOAT);
    call('cublasLtMatmulDescSetAttribute', operation, TRANSPOSE_FIRST, Int32Array.of(1), 4);
    const layouts = [
      made('cublasLtMatrixLayoutCreate', BFLOAT16, k, m, k),
      made('cublasLtMatrixLayoutCreate', BFLOAT16, k, n, k),
      made('cublasLtMatrixLayoutCreate', FLOAT, n, m, n),
    ] as const;
    const [a, b, c] = layouts;
    const [result, count] = [new Uint8Array(RESULT_BYTES), new Int32Array(1)];
    call('cublasLtMatmulAlgoGetHeuristic', handle, operation, b, a, c, c, preference, 1, result, count);
    if (count[0] < 1)
      throw new CudaError(`engine 'cuda': ${libraryName} has no way to multiply ${m} x ${k} by ${k} x ${n}`);
    const plan = { operation, layouts, algorithm: result.slice(0, 64) };
    if (plans.size >= MOST_PLANS) forgetPlans();
    plans.set(key, plan);
    return plan;
  }

  function forgetPlans(): void {
    for (const { operation, layouts } of plans.values()) {
      call('cublasLtMatmulDescDestroy', operation);
      for (const layout of layouts) call('cublasLtMatrixLayoutDestroy', layout);
    }
    plans.clear();
  }

  return {
    multiply({ a, b, c, m, n, k, scale }) {
      context.check();
      const { operation, layouts, algorithm } = planOf(m, n, k);
      const result: TensorInfo = c ?? backend.launcher.track(backend.output([m, n]));
      workspace ??= context.allocator.allocate(WORKSPACE_BYTES);
      alpha[0] = scale;
      beta[0] = c ? 1 : 0;
      backend.written(result);
      const to = backend.pointer(result);
      const [pa, pb] = [backend.pointer(a), backend.pointer(b)];
      const factors = [operation, alpha, pb, layouts[1], pa, layouts[0]];
      const sums = [beta, to, layouts[2], to, layouts[2], algorithm, workspace, WORKSPACE_BYTES, context.stream];
      context.timed('cublasLtMatmul', () => call('cublasLtMatmul', handle, ...factors, ...sums));
      return result;
    },
    close() {
      if (workspace !== undefined) context.allocator.free(workspace);
      workspace = undefined;
      forgetPlans();
      call('cublasLtMatmulPreferenceDestroy', preference);
      call('cublasLtDestroy', handle);
    },
  };
}

function bind(library: Library, libraryName: string): (name: FunctionName, ...values: Argument[]) => void {
  const functions = new Map<FunctionName, (...values: Argument[]) => number>();
  for (const [name, types] of Object.entries(FUNCTIONS)) {
    try {
      functions.set(name as FunctionName, library.func(name, 'int', [...types]) as never);
    } catch {
      throw new CudaError(
        `engine 'cuda': ${libraryName} has no ${name}: do without it (cublasLt: false, --no-cublaslt)`,
      );
    }
  }
  return (name, ...values) => {
    const status = functions.get(name)!(...values);
    if (status) {
      const what = `engine 'cuda': ${name} of ${libraryName} failed with status ${status}`;
      throw new CudaError(`${what}: do without it (cublasLt: false, --no-cublaslt)`, status);
    }
  };
}
