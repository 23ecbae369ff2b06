import { add, mul, scalar, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradient, checkOps, defineOp, type OpKernel } from '../src/op/index.js';
import { wasmBackend } from '../src/wasm/index.js';

type Attrs = Record<string, never>;

/** y = 2 x + 1, with the given kernel for engine `wasm`. */
function op(name: string, kernel?: OpKernel<Attrs>) {
  return defineOp<Attrs>({
    name,
    package: 'test',
    reference: ({ x }): Tensor[] => [add(mul(x, scalar(2)), scalar(1))],
    kernels: kernel ? { wasm: kernel } : {},
    samples: () => [
      { name: 'three', attrs: {}, inputs: { x: { shape: [3], dtype: 'float32', values: Float32Array.of(1, -2, 3) } } },
    ],
  });
}

/** A kernel that maps each value on the host. */
function kernel(map: (x: number) => number, shape = [3]): OpKernel<Attrs> {
  return ({ inputs, backend: current }) => {
    const backend = wasmBackend(current);
    const { pointer, ...output } = backend.output(shape);
    const x = backend.heap.view(backend.pointer(inputs.x), 3, 'float32') as Float32Array;
    backend.heap.view(pointer, 3, 'float32').set(x.map(map));
    return [output];
  };
}

describe('checkOps', () => {
  it('tells right kernels from wrong ones', async () => {
    const results = await checkOps(
      [
        op(
          'Right',
          kernel((x) => 2 * x + 1),
        ),
        op(
          'Off',
          kernel((x) => 2 * x + 1.07),
        ),
        op(
          'NotANumber',
          kernel(() => Number.NaN),
        ),
        op(
          'Shape',
          kernel((x) => 2 * x + 1, [1, 3]),
        ),
        op('Throws', () => {
          throw new Error('no such kernel');
        }),
        op('Reference'),
      ],
      'wasm',
      { threads: 1 },
    );
    expect(results.map(({ op, path, passed }) => [op, path, passed])).toEqual([
      ['Right', 'kernel', true],
      ['Off', 'kernel', false],
      ['NotANumber', 'kernel', false],
      ['Shape', 'kernel', false],
      ['Throws', 'kernel', false],
      ['Reference', 'reference', true],
    ]);
    expect(results[1].maxError).toBeCloseTo(0.01, 5); // 0.07 of a largest value of 7
    expect(results[4].error).toContain('no such kernel');
  });
});

describe('checkGradient', () => {
  it('is small for the true gradient and large for another', async () => {
    const inputs = [Float32Array.of(0.5, -1, 2), Float32Array.of(3)];
    const loss = ([a, b]: Float32Array[]) => a.reduce((sum, x) => sum + x ** 3, 0) * b[0];
    const gradient = inputs[0].map((x) => 3 * x * x * 3);
    const total = inputs[0].reduce((sum, x) => sum + x ** 3, 0);
    expect(await checkGradient({ loss, inputs, gradients: [gradient, [total]] })).toBeLessThan(1e-2);
    expect(await checkGradient({ loss, inputs, gradients: [gradient.map((x) => 1.2 * x), null] })).toBeGreaterThan(0.1);
  });
});
