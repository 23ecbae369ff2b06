import { openEngine } from '@arena/runtime';
import { gpuKernel, gpuLauncher, type Launch } from '@arena/runtime/webgpu';
import { backend, engine, memory, mul, type Tensor, tensor1d, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';

const double = gpuKernel({
  name: 'Double',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  params: { count: 'u32' },
  main: 'if (lane < params.count) { y[lane] = 2.0 * x[lane]; }',
});

const launcher = () => gpuLauncher(backend() as never);
const launchOf = (x: Tensor): Launch => ({
  inputs: { x },
  outputs: { y: x.shape },
  params: { count: x.size },
  groups: [1],
});
const run = (x: Tensor, kernel = double, launch = launchOf(x)) =>
  engine().makeTensorFromTensorInfo(launcher().run(kernel, launch)[0]);

// In the page: a window may use the engine too. A Chromium without WebGPU fails these tests.
describe('launches on engine webgpu', () => {
  beforeEach(async () => {
    await openEngine('webgpu');
  });

  it('queue up in order with tfjs ops', async () => {
    const x = tensor1d(Float32Array.from({ length: 200 }, (_, i) => i));
    const y = mul(run(mul(x, 3)), 5);
    expect(await y.data()).toEqual(Float32Array.from({ length: 200 }, (_, i) => 30 * i));
  });

  it('write in place, and what was read before is forgotten', async () => {
    const x = tensor1d([1, 2, 3]);
    const y = tensor1d([0, 0, 0]);
    const launch = { ...launchOf(x), outputs: { y } };
    launcher().run(double, launch);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
    launcher().run(double, { ...launch, inputs: { x: tensor1d([5, 6, 7]) } });
    expect([...(await y.data())]).toEqual([10, 12, 14]);
  });

  it('keep the numbers of each call apart within one submit', async () => {
    const x = tensor1d([1, 1, 1, 1]);
    const sums = [1, 2, 3, 4].map((count) => run(x, double, { ...launchOf(x), params: { count } }));
    const read = await Promise.all(sums.map(async (y) => (await y.data()).slice(0, 1)[0]));
    expect(read).toEqual([2, 2, 2, 2]);
  });

  it('refuse a tensor that is read and written at once', () => {
    const x = tensor1d([1, 2, 3]);
    expect(() => launcher().run(double, { ...launchOf(x), outputs: { y: x } })).toThrow(
      "kernel Double: 'y' is written while it is bound a second time",
    );
  });

  it('refuse buffers and grids beyond the limits of the device', () => {
    const x = tensor1d([1]);
    const { maxStorageBufferBindingSize } = launcher().backend.device.limits;
    const huge = [maxStorageBufferBindingSize / 4 + 1];
    expect(() => launcher().run(double, { ...launchOf(x), outputs: { y: huge } })).toThrow('binds');
    expect(() => launcher().run(double, { ...launchOf(x), groups: [70000] })).toThrow('the device allows 65535');
  });

  it('refuse a missing input or number', () => {
    const x = tensor1d([1]);
    expect(() => launcher().run(double, { ...launchOf(x), inputs: {} })).toThrow("input 'x' is missing");
    expect(() => launcher().run(double, { ...launchOf(x), params: {} })).toThrow("number 'count' is missing");
  });

  it('free unused buffers when asked', async () => {
    const allocated = () => (memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
    launcher().trim();
    const before = allocated();
    for (let length = 1000; length < 1100; length++) tidy(() => void run(zeros([length])));
    launcher().flush();
    expect(allocated()).toBeGreaterThan(before + 100 * 4000);
    launcher().trim();
    expect(allocated()).toBe(before);
    expect([...(await run(tensor1d([4])).data())]).toEqual([8]);
  });

  it('leave few spare buffers behind when every pass has another length', async () => {
    const allocated = () => (memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
    const pass = (length: number) => {
      const y = tidy(() => run(run(zeros([length]))));
      return y.data().then(() => y.dispose());
    };
    launcher().trim();
    const before = allocated();
    const longest = 3_000_000;
    for (let length = longest - 40; length <= longest; length += 2) await pass(length); // 12 MB each, some 250 MB of lengths
    expect(allocated() - before).toBeLessThan(1.25 * 4 * 4 * longest + 2 ** 24);
    await pass(longest);
    const settled = allocated();
    for (let i = 0; i < 5; i++) await pass(longest);
    expect(allocated()).toBe(settled);
    launcher().trim();
  });

  it('refuse a synchronous read', () => {
    const y = run(tensor1d([1, 2]));
    expect(() => y.dataSync()).toThrow('cannot read a tensor synchronously');
  });
});

describe('failures of the device', () => {
  it('make the next read throw, and opening again works', async () => {
    await openEngine('webgpu');
    const broken = gpuKernel({ name: 'Broken', inputs: { x: 'f32' }, outputs: { y: 'f32' }, params: {}, main: 'oops' });
    const y = run(tensor1d([1]), broken);
    await expect(y.data()).rejects.toThrow("engine 'webgpu': ");
    expect(() => run(tensor1d([1]))).toThrow("engine 'webgpu': ");
    await openEngine('webgpu');
    expect([...(await run(tensor1d([4])).data())]).toEqual([8]);
  });

  it('a destroyed device is reported, and opening again works', async () => {
    await openEngine('webgpu');
    const x = tensor1d([1]);
    const old = launcher();
    old.backend.device.destroy();
    await old.backend.device.lost;
    expect(() => run(x)).toThrow("engine 'webgpu' is closed: open it again");
    await openEngine('webgpu');
    expect([...(await run(tensor1d([4])).data())]).toEqual([8]);
  });
});
