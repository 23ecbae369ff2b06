import {
  type AttentionAttrs,
  attentionBackward,
  attentionBackwardOp,
  attentionForward,
  attentionOp,
  geglu,
  rmsNorm,
  rope,
} from '@arena/decoder/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { checkGradient } from '@arena/runtime/op';
import { grads, mul, sum, type Tensor, type Tensor1D, type Tensor2D, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { forward64 } from '../src/ops/attention/samples.js';

beforeAll(async () => {
  await openEngine('cpu');
});

const draw = (count: number, seed: number) => normal(new Mt19937(seed), count, 0, 0.7);

/** Largest relative error of a differentiable op's gradients against finite differences, under a random probe. */
async function gradientError(op: (...inputs: Tensor[]) => Tensor, shapes: number[][]): Promise<number> {
  const inputs = shapes.map((shape, i) =>
    draw(
      shape.reduce((a, b) => a * b, 1),
      10 + i,
    ),
  );
  const tensors = (values: Float32Array[]) =>
    values.map((value, i) =>
      shapes[i].length === 1 ? tensor1d(value) : tensor2d(value, shapes[i] as [number, number]),
    );
  const points = tensors(inputs);
  const { shape, size } = op(...points);
  const probe = tensor2d(draw(size, 99), shape as [number, number]);
  const gradients = grads(op as never)(points, probe);
  return checkGradient({
    loss: async (values) => (await sum(mul(op(...tensors(values)), probe)).data())[0],
    inputs,
    gradients: await Promise.all(gradients.map((gradient) => gradient.data())),
  });
}

describe('gradients agree with finite differences', () => {
  test('rmsNorm', async () => {
    const op = (x: Tensor, w: Tensor) => rmsNorm(x as Tensor2D, w as Tensor1D);
    expect(await gradientError(op as never, [[5, 12], [12]])).toBeLessThan(2e-3);
  });

  test('geglu', async () => {
    const op = (gate: Tensor, up: Tensor) => geglu(gate as Tensor2D, up as Tensor2D);
    expect(
      await gradientError(op as never, [
        [4, 9],
        [4, 9],
      ]),
    ).toBeLessThan(2e-3);
  });

  test('rope', async () => {
    const positions = tensor1d([0, 3, 1, 7], 'int32');
    const op = (x: Tensor) => rope(x as Tensor2D, positions, 6);
    expect(await gradientError(op as never, [[4, 12]])).toBeLessThan(2e-3);
  });

  test.each([
    ['causal', {}, [0, 5, 8]],
    ['soft cap', { softcap: 2 }, [0, 8]],
    ['window', { softcap: 2, slidingWindow: 3 }, [0, 2, 8]],
  ])('attention, %s', async (_name, special, offsets) => {
    const attrs: AttentionAttrs = {
      numHeads: 4,
      numKeyValueHeads: 2,
      headDim: 4,
      scale: 0.5,
      softcap: 0,
      slidingWindow: 0,
      ...special,
    };
    const rest = { offsets: tensor1d(offsets, 'int32'), rows: tensor1d([0, 1, 2, 3, 4, 5, 6, 7], 'int32') };
    const inputs = [draw(8 * 16, 1), draw(8 * 8, 2), draw(8 * 8, 3)];
    const tensors = (values: Float32Array[]) => ({
      q: tensor2d(values[0], [8, 16]),
      k: tensor2d(values[1], [8, 8]),
      v: tensor2d(values[2], [8, 8]),
      ...rest,
    });
    const probe = tensor2d(draw(8 * 16, 4), [8, 16]);
    const { o, lse } = attentionForward(tensors(inputs), attrs);
    const { dq, dk, dv } = attentionBackward(probe, { ...tensors(inputs), o, lse }, attrs);
    const error = await checkGradient({
      loss: async (values) => (await sum(mul(attentionForward(tensors(values), attrs).o, probe)).data())[0],
      inputs,
      gradients: await Promise.all([dq, dk, dv].map((gradient) => gradient.data())),
    });
    expect(error).toBeLessThan(2e-3);
  });
});

test.each(attentionOp.samples().slice(0, 7))('attention of $name is that of float64', async (sample) => {
  const { q, k, v, offsets, rows } = sample.inputs;
  const matrix = ({ values, shape }: typeof q) => tensor2d(values as Float32Array, shape as [number, number]);
  const inputs = {
    q: matrix(q),
    k: matrix(k),
    v: matrix(v),
    offsets: tensor1d(offsets.values, 'int32'),
    rows: tensor1d(rows.values, 'int32'),
  };
  const { o, lse } = attentionForward(inputs, sample.attrs);
  const want = forward64(sample);
  for (const [got, expected] of [
    [await o.data(), want.o],
    [await lse.data(), want.lse],
  ] as const) {
    expected.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
    });
  }
  expect(attentionBackwardOp.samples().map(({ name }) => name)).toContain(sample.name);
});
