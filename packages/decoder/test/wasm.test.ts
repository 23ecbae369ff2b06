import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import {
  attentionBackwardOp,
  attentionOp,
  gegluBackwardOp,
  gegluOp,
  rmsNormBackwardOp,
  rmsNormOp,
  ropeOp,
} from '@arena/decoder';
import { type AnyOp, checkOps, type EngineOptions, openEngine, runOp } from '@arena/runtime';
import { dispose, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';

const OPS: AnyOp[] = [rmsNormOp, rmsNormBackwardOp, ropeOp, gegluOp, gegluBackwardOp, attentionOp, attentionBackwardOp];

const ENGINES: EngineOptions[] = [{ threads: 2 }, { threads: 1 }, { threads: 2, relaxedSimd: false }];

/** 256-bit vectors are a flag of Node 24. Only optimised code has them, so here all code is. */
const HAS_FLAG = Number.parseInt(process.versions.node, 10) >= 24;

describe.each(ENGINES)('engine wasm (%o)', (options) => {
  it.each(OPS.map((op) => [op.name, op] as const))(
    '%s agrees with the reference on every sample',
    async (_name, op) => {
      // the reference of the longest sample takes seconds: once is enough
      const samples = () => op.samples().filter(({ name }) => options === ENGINES[0] || !name.includes('1900'));
      const results = await checkOps([{ ...op, samples }], 'wasm', options);
      expect(results.length).toBeGreaterThan(0);
      expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
    },
  );
});

describe.skipIf(!HAS_FLAG)('engine wasm with 256-bit vectors (a flag of Node 24)', () => {
  it.each(OPS.map((op) => [op.name, op] as const))('%s agrees with the reference', async (_name, op) => {
    const samples = () => op.samples().filter(({ name }) => !name.includes('1900'));
    setFlagsFromString('--no-liftoff');
    const results = await checkOps([{ ...op, samples }], 'wasm', { threads: 2, wide: true });
    setFlagsFromString('--liftoff');
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});

it('gives the same bits for any number of threads', async () => {
  const outputs = async (threads: number) => {
    await openEngine('wasm', { threads });
    return OPS.flatMap((op) =>
      op.samples().map((sample) => {
        const tensors = tidy(() => {
          const entries = Object.entries(sample.inputs);
          const inputs = entries.map(([name, { values, shape, dtype }]) => [name, tensor(values, shape, dtype)]);
          return runOp(op, Object.fromEntries(inputs), sample.attrs);
        });
        const values = tensors.map((output) => Buffer.from(output.dataSync().buffer).toString('base64'));
        dispose(tensors);
        return createHash('sha256').update(values.join()).digest('hex');
      }),
    );
  };
  const one = await outputs(1);
  expect(await outputs(2)).toEqual(one);
  expect(await outputs(5)).toEqual(one);
});
