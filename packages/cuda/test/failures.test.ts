/** @file What stands in the way of engine `cuda`, each in a process of its own, from the built package on the emulated driver. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cudaKernel } from '@arena/runtime/cuda';
import { add, backend, memory, neg, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cudaSources, isBuilt } from '../../../tools/cuda-sources.mjs';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { CudaError, CudaOutOfMemoryError, cudaEngine } from '../src/index.js';
import { importKoffi } from '../src/koffi.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url));

describe('without what it needs', () => {
  it('says that koffi is missing, and how to get it', async () => {
    const missing = Object.assign(new Error("Cannot find package 'koffi' imported from here"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(importKoffi(() => Promise.reject(missing))).rejects.toThrow(
      "engine 'cuda' needs the package koffi to call the driver: npm install koffi",
    );
  });

  it('says that koffi does not load, and why', async () => {
    const broken = new Error('Cannot find the native Koffi module; did you bundle it correctly?\nmore');
    await expect(importKoffi(() => Promise.reject(broken))).rejects.toThrow(
      "engine 'cuda': the package koffi does not load here (Cannot find the native Koffi module; did you bundle it correctly?)",
    );
  });
});

/** The child process reads the PTX as it is: after a change of the engine's own .cu files it needs nvcc. */
const BUILT_TEXTS = cudaSources().every((source) => !source.startsWith('packages/cuda/') || isBuilt(source));
if (!BUILT_TEXTS) console.warn('failures of engine cuda are not tested: its kernels are not rebuilt, nvcc needed');

describe.skipIf(!hasCompiler() || !BUILT_TEXTS)('on an emulated driver', { timeout: 300_000 }, () => {
  let library: string;
  beforeAll(() => {
    library = emulatedDriver();
    process.env.ARENA_CUDA_LIBRARY = library;
    expect(existsSync(BUILT), `${BUILT} is missing: build first`).toBe(true);
  });

  /** Runs child.mjs. `once` is called with its output so far. */
  function run(what: string, env: { [name: string]: string } = {}, once?: (out: string, child: ChildProcess) => void) {
    const { CUDA_VISIBLE_DEVICES: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [CHILD, what], {
      env: { ...inherited, ARENA_CUDA_LIBRARY: library, EMULATED_TRACE: '1', ...env },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
      once?.(out, child);
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    return new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, out: out.trim(), err }));
    });
  }

  const FAILURES: [string, { [name: string]: string }, RegExp][] = [
    [
      'no driver',
      { ARENA_CUDA_LIBRARY: '/nowhere/libcuda.so.1' },
      /^CudaError 0: engine 'cuda': NVIDIA's driver library \/nowhere\/libcuda.so.1 is not here: install the NVIDIA driver \(.*\)$/,
    ],
    [
      'a driver that is too old',
      { EMULATED_VERSION: '10020' },
      /^CudaError 0: engine 'cuda': this NVIDIA driver supports CUDA 10.2, 11.0 is needed: install a newer driver \(450 or later\)$/,
    ],
    [
      'no GPU',
      { EMULATED_DEVICES: '0' },
      /^CudaError 100: engine 'cuda': the driver finds no NVIDIA GPU in this machine \(in a container: start it with its GPUs, such as --gpus all\)$/,
    ],
    [
      'CUDA_VISIBLE_DEVICES that is empty',
      { CUDA_VISIBLE_DEVICES: '' },
      /^CudaError 100: engine 'cuda': CUDA_VISIBLE_DEVICES='' shows no GPU: name one by number or UUID \(nvidia-smi -L lists them\), or unset it$/,
    ],
    ['CUDA_VISIBLE_DEVICES that names none', { CUDA_VISIBLE_DEVICES: '7' }, /CUDA_VISIBLE_DEVICES='7' shows no GPU/],
    [
      'a GPU that is too old',
      { EMULATED_CAPABILITY: '75' },
      /^CudaError 0: engine 'cuda' needs a GPU of compute capability 8.0 or later \(Ampere\): the driver shows 0: Emulated GPU 0 \(compute capability 7.5\)$/,
    ],
    [
      'kernels that do not load',
      { EMULATED_FAULT: 'load' },
      /^CudaError 222: engine 'cuda': cuModuleLoadDataEx failed with CUDA_ERROR_UNSUPPORTED_PTX_VERSION \(222\): the driver is older than the engine's kernels: install a newer one \(kernels for Emulated GPU 0, driver for CUDA 13.0; the driver says: ptxas error\)/,
    ],
    [
      'a GPU that another process holds',
      { EMULATED_FAULT: 'busy' },
      /^CudaError 46: .*CUDA_ERROR_DEVICE_UNAVAILABLE \(46\): another process holds the GPU alone/,
    ],
  ];
  it.each(FAILURES)('with %s: one clear line', async (_, env, message) => {
    const { code, out } = await run('open', env);
    expect(out).toMatch(message);
    expect(code).toBe(0);
  });

  it('computes from the built package', async () => {
    expect(await run('compute')).toMatchObject({ code: 0, out: 'opened Emulated GPU 0\ncomputed 4,5' });
  });

  it('takes the GPU that CUDA_VISIBLE_DEVICES puts first, or the one that is asked for', async () => {
    const devices = { EMULATED_DEVICES: '3' };
    const opened = async (what: string, env: { [name: string]: string }) =>
      (await run(what, { ...devices, ...env })).out;
    expect(await opened('open', {})).toBe('opened Emulated GPU 0');
    expect(await opened('open', { CUDA_VISIBLE_DEVICES: '2,1' })).toBe('opened Emulated GPU 2');
    expect(await opened('device 1', { CUDA_VISIBLE_DEVICES: '2,0' })).toBe('opened Emulated GPU 0');
    expect(await opened('open', { CUDA_VISIBLE_DEVICES: 'GPU-00000001' })).toBe('opened Emulated GPU 1');
    expect(await opened('device 1', { CUDA_VISIBLE_DEVICES: '2' })).toBe(
      "CudaError 0: engine 'cuda': there is no GPU 1: the driver shows 0: Emulated GPU 2 (compute capability 8.0)",
    );
  });

  it('reports a kernel that fails where its result is read or the next one is launched', async () => {
    const { code, out } = await run('fail', { EMULATED_FAULT: 'launch:unaryFloat' });
    expect(out).toMatch(
      /CudaError 719: .*CUDA_ERROR_LAUNCH_FAILED \(719\): the context is lost with its tensors: restart the process/,
    );
    expect(code).toBe(0);
  });

  it('inspects without opening', async () => {
    expect(JSON.parse((await run('inspect', { EMULATED_DEVICES: '2' })).out)).toMatchObject({
      driver: { library, cuda: '13.0' },
      devices: [
        { ordinal: 0, name: 'Emulated GPU 0', computeCapability: '8.0', memory: 2 ** 30, supported: true },
        { ordinal: 1 },
      ],
    });
    const { problem } = JSON.parse((await run('inspect', { ARENA_CUDA_LIBRARY: '/nowhere' })).out);
    expect(problem).toMatch(/driver library \/nowhere is not here/);
  });

  it.each([
    ['open', 0],
    ['close', 0],
    ['exit', 3],
    ['throw', 1],
  ])('a process that ends by %s ends with code %i and gives the GPU back once', async (what, code) => {
    const ended = await run(what);
    expect(ended).toMatchObject({ code, signal: null });
    expect(ended.err.match(/emulated context released/g)).toHaveLength(1);
  });

  it('ends at once when it is interrupted in the middle of a step', async () => {
    let sent = false;
    const ended = await run('steps', {}, (out, child) => {
      if (!sent && out.includes('stepping with 1 tensor')) sent = child.kill('SIGINT');
    });
    expect(ended).toMatchObject({ code: 130, signal: null });
    expect(ended.err.match(/emulated context released/g)).toHaveLength(1);
  });

  describe('memory', () => {
    let cuda: OpenCuda;
    const open = async (budget: number) => {
      cuda = await openCuda({ budget });
    };
    afterEach(async () => {
      delete process.env.EMULATED_MEMORY;
      await closeCuda(cuda.backend);
    });

    it.each(['the budget', 'the device'])('that %s lacks is a typed error, and the engine works on', async (limit) => {
      if (limit === 'the device') process.env.EMULATED_MEMORY = String(2 ** 20);
      await open(limit === 'the budget' ? 2 ** 20 : Number.POSITIVE_INFINITY);
      const { allocator } = cuda.backend.context;
      const x = tensor1d(new Float32Array(150_000)); // 600 kB
      const before = { tensors: memory().numTensors, bytes: allocator.bytesInUse };
      let error: unknown;
      try {
        tidy(() => neg(x));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(CudaOutOfMemoryError);
      expect(error).toBeInstanceOf(CudaError);
      expect((error as Error).message).toMatch(
        limit === 'the budget'
          ? /^engine 'cuda': out of memory: 0.6 MiB asked for, 0.6 MiB in use here, the budget is 1.0 MiB; lower the tokens of a batch/
          : /^engine 'cuda': out of memory: 0.6 MiB asked for, 0.6 MiB in use here, the device has 0.4 MiB of 1.0 MiB left; lower/,
      );
      expect({ tensors: memory().numTensors, bytes: allocator.bytesInUse }).toEqual(before);
      x.dispose();
      // the block that was freed makes room for one of another size
      expect([...(await add(tensor1d(new Float32Array(100_000)), 1).data()).slice(0, 2)]).toEqual([1, 1]);
    });

    it('has the budget of the last opening, which gives back what is kept beyond it', async () => {
      await open(Number.POSITIVE_INFINITY);
      const { context } = cuda.backend;
      const x = tensor1d(new Float32Array(500_000)); // 2 MB
      neg(x).dispose();
      const again = await cudaEngine.open({ memoryBudget: 2 ** 21 });
      expect(backend()).toBe(cuda.backend);
      expect(again.deviceBytes).toBe(2 ** 21);
      expect(context.allocator.bytesKept).toBe(0);
      expect(() => neg(x)).toThrow('the budget is 2.0 MiB');
      expect((await cudaEngine.open({})).deviceBytes).toBe(context.allocator.freeBytes());
      neg(x).dispose();
      x.dispose();
    });

    it('keeps its tensors when the engine is opened again with more kernels', async () => {
      await open(Number.POSITIVE_INFINITY);
      const { context } = cuda.backend;
      const x = tensor1d([1, 2]);
      const ptx = { package: 'own', read: () => [] };
      const mine = cudaKernel({ ptx, name: 'mine', inputs: [], outputs: [], params: {}, threads: 32 });
      expect(() => context.kernel(mine)).toThrow('own has no PTX of its kernel mine');
      const text = '.version 7.0\n.target sm_80\n.address_size 64\n.visible .entry mine(\n)\n{\n\tret;\n}\n';
      const again = await openCuda({ modules: [text] });
      expect(again.backend).toBe(cuda.backend);
      expect(() => context.kernel(mine)).toThrow('cuModuleGetFunction'); // the emulated driver has no code of it
      expect([...(await neg(x).data())]).toEqual([-1, -2]);
      x.dispose();
    });

    it('that was freed is used again, and given back when asked', async () => {
      await open(Number.POSITIVE_INFINITY);
      const { allocator } = cuda.backend.context;
      const [first, second] = [allocator.allocate(5000), allocator.allocate(5000)];
      allocator.free(first);
      expect(allocator.allocate(4500)).toBe(first);
      allocator.free(second);
      expect(allocator.allocate(2000)).not.toBe(second); // too small for the block
      const held = allocator.bytesHeld;
      allocator.trim();
      expect(allocator.bytesHeld).toBe(held - 5120);
      expect(allocator.bytesKept).toBe(0);
      expect(() => allocator.free(second)).toThrow('is no block of this allocator');
    });
  });
});
