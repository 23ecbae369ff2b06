/** @file CBLAS in a thread of the pool: Accelerate, MKL, OpenBLAS, BLIS. */
import type { Koffi, NativeProduct } from '../wasm/native.js';

/** Functions that give the library one thread, with their prototypes and the argument. Most libraries have one of them. */
const ONE_THREAD = [
  'void openblas_set_num_threads(int)',
  'void bli_thread_set_num_threads(int64)',
  'int MKL_Set_Num_Threads(int)',
];

/** Plain data of {@link bindCblas}. */
export const CBLAS = { oneThread: ONE_THREAD };

/** Binds `cblas_sgemm`. A worker thread runs the function's text: it stands alone. */
export function bindCblas(koffi: Koffi, path: string, { oneThread }: typeof CBLAS): NativeProduct {
  const library = koffi.load(path);
  for (const prototype of oneThread) {
    try {
      library.func(prototype)(1);
    } catch {
      // the function of another library
    }
  }
  const sgemm = library.func(
    'void cblas_sgemm(int, int, int, int, int, int, float, int64, int, int64, int, float, int64, int)',
  );
  const [rowMajor, plain, transposed] = [101, 111, 112]; // CblasRowMajor, CblasNoTrans, CblasTrans
  return ({ half, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc }) => {
    if (half) throw new Error('CBLAS has no product of bfloat16');
    const [formA, formB] = [transposeA ? transposed : plain, transposeB ? transposed : plain];
    sgemm(rowMajor, formA, formB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  };
}
