/**
 * @file oneDNN in a thread of the pool, versions 2 and 3: `dnnl_sgemm`, and for bfloat16 factors its matmul, which is
 * made once for each shape. Source: oneDNN's dnnl.h and dnnl_types.h.
 */
import type { Koffi, NativeProduct } from '../wasm/native.js';

/** Binds oneDNN. A worker thread runs the function's text: it stands alone. */
export function bindOnednn(koffi: Koffi, path: string, { major }: { major: number }): NativeProduct {
  const library = koffi.load(path);
  const call = (prototype: string) => {
    const found = library.func(`int ${prototype}`);
    const name = prototype.slice(0, prototype.indexOf('('));
    return (...args: unknown[]) => {
      const status = found(...args);
      if (status !== 0) throw new Error(`oneDNN's ${name} gave status ${status}`);
    };
  };
  try {
    library.func('void omp_set_num_threads(int)')(1); // of this thread alone
  } catch {
    // built without OpenMP
  }
  const sgemm = call(
    'dnnl_sgemm(char, char, int64, int64, int64, float, int64, int64, int64, int64, float, int64, int64)',
  );
  const [plain, transposed] = [78, 84]; // 'N', 'T'
  let matmul: NativeProduct | undefined;
  const held = holdSignals();
  return (product) => held(() => multiply(product));

  function multiply(product: Parameters<NativeProduct>[0]): void {
    if (product.half) {
      matmul ??= bindMatmul();
      matmul(product);
      return;
    }
    const { transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc } = product;
    const [formA, formB] = [transposeA ? transposed : plain, transposeB ? transposed : plain];
    sgemm(formA, formB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  }

  /**
   * Lets signals (Ctrl-C, a window's new size, a profiler's) wait while a product runs: `dnnl_sgemm` of oneDNN 2.6 keeps
   * addresses below its stack pointer, where the kernel puts a signal's frame, and then writes anywhere. A program in C
   * shows the same.
   */
  function holdSignals(): (work: () => void) => void {
    const faults = [4, 5, 6, 7, 8, 11]; // SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: of the thread itself
    const [block, restore] = [0, 2]; // SIG_BLOCK, SIG_SETMASK
    const all = new Uint8Array(128).fill(255); // a sigset_t
    for (const signal of faults) all[(signal - 1) >> 3] &= ~(1 << ((signal - 1) & 7));
    const before = new Uint8Array(128);
    try {
      const mask = koffi.load('libc.so.6').func('int pthread_sigmask(int, void *, void *)');
      return (work) => {
        mask(block, all, before);
        try {
          work();
        } finally {
          mask(restore, before, null);
        }
      };
    } catch {
      return (work) => work(); // a system without glibc
    }
  }

  function bindMatmul(): NativeProduct {
    const [bf16, f32] = [2, 3]; // dnnl_bf16, dnnl_f32
    const [source, weights, target] = [1, 33, 17]; // DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST
    const mostShapes = 512;
    const descriptorBytes = 4096; // more than the structs of version 2 take
    const out = (prototype: string) => {
      const make = call(prototype);
      return (...args: unknown[]) => {
        const made = [null];
        make(made, ...args);
        return made[0] as unknown;
      };
    };
    const engine = out('dnnl_engine_create(_Out_ void **, int, size_t)')(1, 0); // a CPU
    const stream = out('dnnl_stream_create(_Out_ void **, void *, uint32)')(engine, 1);
    const makeAttributes = out('dnnl_primitive_attr_create(_Out_ void **)');
    const makePostOps = out('dnnl_post_ops_create(_Out_ void **)');
    const setPostOps = call('dnnl_primitive_attr_set_post_ops(void *, void *)');
    const appendSum =
      major < 3
        ? call('dnnl_post_ops_append_sum(void *, float)')
        : call('dnnl_post_ops_append_sum(void *, float, int32, int)');
    const makePrimitive = out('dnnl_primitive_create(_Out_ void **, void *)');
    const makeMemory = out('dnnl_memory_create(_Out_ void **, void *, void *, void *)');
    const setHandle = call('dnnl_memory_set_data_handle(void *, int64)');
    const execute = call('dnnl_primitive_execute(void *, void *, int, void *)');
    const wait = call('dnnl_stream_wait(void *)');
    const destroyPrimitive = call('dnnl_primitive_destroy(void *)');
    const destroyDescription = call('dnnl_primitive_desc_destroy(void *)');
    const destroyMemory = call('dnnl_memory_destroy(void *)');
    const destroyAttributes = call('dnnl_primitive_attr_destroy(void *)');
    const destroyPostOps = call('dnnl_post_ops_destroy(void *)');
    const words = (values: number[]) => BigInt64Array.from(values.map(BigInt));

    let describe: (dims: number[], type: number, strides: number[]) => unknown;
    let makeDescription: (a: unknown, b: unknown, c: unknown, attributes: unknown) => unknown;
    if (major < 3) {
      const initialise = call('dnnl_memory_desc_init_by_strides(void *, int, int64 *, int, int64 *)');
      const operation = call('dnnl_matmul_desc_init(void *, void *, void *, void *, void *)');
      const make = out('dnnl_primitive_desc_create(_Out_ void **, void *, void *, void *, void *)');
      describe = (dims, type, strides) => {
        const descriptor = new Uint8Array(descriptorBytes);
        initialise(descriptor, 2, words(dims), type, words(strides));
        return descriptor;
      };
      makeDescription = (a, b, c, attributes) => {
        const described = new Uint8Array(8 * descriptorBytes);
        operation(described, a, b, null, c);
        return make(described, attributes, engine, null);
      };
    } else {
      const create = out('dnnl_memory_desc_create_with_strides(_Out_ void **, int, int64 *, int, int64 *)');
      const make = out(
        'dnnl_matmul_primitive_desc_create(_Out_ void **, void *, void *, void *, void *, void *, void *)',
      );
      describe = (dims, type, strides) => create(2, words(dims), type, words(strides));
      makeDescription = (a, b, c, attributes) => make(engine, a, b, null, c, attributes);
    }

    interface Made {
      primitive: unknown;
      memories: unknown[];
      args: Uint8Array;
    }
    const known = new Map<string, Made>();
    const make = ({ transposeA, transposeB, m, n, k, lda, ldb, beta, ldc }: Parameters<NativeProduct>[0]): Made => {
      const descriptors = [
        describe([m, k], bf16, transposeA ? [1, lda] : [lda, 1]),
        describe([k, n], bf16, transposeB ? [1, ldb] : [ldb, 1]),
        describe([m, n], f32, [ldc, 1]),
      ];
      const attributes = makeAttributes();
      if (beta) {
        const postOps = makePostOps();
        if (major < 3) appendSum(postOps, 1);
        else appendSum(postOps, 1, 0, 0);
        setPostOps(attributes, postOps);
        destroyPostOps(postOps);
      }
      const description = makeDescription(descriptors[0], descriptors[1], descriptors[2], attributes);
      const primitive = makePrimitive(description);
      destroyDescription(description);
      destroyAttributes(attributes);
      const memories = descriptors.map((descriptor) => makeMemory(descriptor, engine, null));
      // an array of { int arg; dnnl_memory_t memory }
      const args = new Uint8Array(48);
      const view = new DataView(args.buffer);
      for (const [i, arg] of [source, weights, target].entries()) {
        view.setInt32(16 * i, arg, true);
        view.setBigUint64(16 * i + 8, BigInt(koffi.address(memories[i])), true);
      }
      return { primitive, memories, args };
    };
    const forget = () => {
      for (const { primitive, memories } of known.values()) {
        destroyPrimitive(primitive);
        for (const memory of memories) destroyMemory(memory);
      }
      known.clear();
    };
    return (product) => {
      const { transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc } = product;
      if (alpha !== 1) throw new Error('a product of bfloat16 has no factor');
      const key = `${m} ${n} ${k} ${lda} ${ldb} ${ldc} ${transposeA} ${transposeB} ${beta}`;
      let made = known.get(key);
      if (!made) {
        if (known.size >= mostShapes) forget();
        made = make(product);
        known.set(key, made);
      }
      for (const [i, address] of [a, b, c].entries()) setHandle(made.memories[i], address);
      execute(made.primitive, stream, 3, made.args);
      wait(stream);
    };
  }
}
