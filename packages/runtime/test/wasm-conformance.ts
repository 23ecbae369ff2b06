/**
 * @file What every package with fused ops tests on engine `wasm`. A package's test imports its own index, which declares
 * the ops, and calls {@link wasmConformance} with its name.
 */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { type EngineOptions, openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';
import { type AnyOp, checkOps, declaredOps, runOp } from '@arena/runtime/op';
import { dispose, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { isInstalled, LIBRARIES } from './libraries.js';

const ENGINES: EngineOptions[] = [{ threads: 2 }, { threads: 1 }, { threads: 2, relaxedSimd: false }];

/** 256-bit vectors are a flag of Node 24. Only optimised code has them, so there all code is. */
const HAS_FLAG = Number.parseInt(process.versions.node, 10) >= 24;

/** Declares tests: every op of a package agrees with its reference, and gives the same bits for any number of threads. */
export function wasmConformance(packageName: string): void {
  const ops = declaredOps(packageName);
  const named = ops.map((op) => [op.name, op] as const);

  it('has ops', () => {
    expect(ops).not.toEqual([]);
  });

  describe.each(ENGINES)('engine wasm (%o)', (options) => {
    it.each(named)('%s agrees with the reference on every sample', (_, op) =>
      // the references of the longest samples take seconds: once is enough
      expectAgreement(op, options, options === ENGINES[0]),
    );
  });

  describe.skipIf(!HAS_FLAG)('engine wasm with 256-bit vectors (a flag of Node 24)', () => {
    it.each(named)('%s agrees with the reference', async (_, op) => {
      setFlagsFromString('--no-liftoff');
      await expectAgreement(op, { threads: 2, wide: true }, false);
      setFlagsFromString('--liftoff');
    });
  });

  it('gives the same bits for any number of threads', async () => {
    const one = await outputsOn(ops, 1);
    expect(await outputsOn(ops, 2)).toEqual(one);
    expect(await outputsOn(ops, 5)).toEqual(one);
  });
}

/** The same for ops whose larger products a native library takes. */
export function blasConformance(packageName: string): void {
  const ops = declaredOps(packageName);
  const named = ops.map((op) => [op.name, op] as const);
  describe.each(LIBRARIES)('engine wasm with %s', (_, path) => {
    it.skipIf(!isInstalled(path)).each(named)('%s agrees with the reference', async (_name, op) =>
      expectAgreement(op, { threads: 2, blas: await openBlas({ path }) }, true),
    );
  });

  it.skipIf(!isInstalled(OPENBLAS))('gives the same bits for any number of threads with OpenBLAS', async () => {
    const blas = await openBlas({ path: OPENBLAS });
    const one = await outputsOn(ops, 1, blas);
    expect(await outputsOn(ops, 3, blas)).toEqual(one);
  });

  it.skipIf(!isInstalled(ONEDNN)).each(named)('%s agrees with the reference in bfloat16', async (_name, op) => {
    const blas = await openBlas({ path: ONEDNN, bf16: true });
    const results = await checkOps([op], 'wasm', { threads: 2, blas });
    // a factor has 8 significant bits: sums of up to 1,200 products
    const wrong = results.filter(({ maxError }) => !(maxError <= 2e-2));
    expect(wrong).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  });
}

const [OPENBLAS, ONEDNN] = ['libopenblas.so.0', 'libdnnl.so.2'];

async function expectAgreement(op: AnyOp, options: EngineOptions, longest: boolean): Promise<void> {
  const samples = () => op.samples().filter(({ name }) => longest || !name.includes('1900'));
  const results = await checkOps([{ ...op, samples }], 'wasm', options);
  expect(results.length).toBeGreaterThan(0);
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
}

/** A hash of the outputs of every sample. */
async function outputsOn(ops: AnyOp[], threads: number, blas?: EngineOptions['blas']): Promise<string[]> {
  await openEngine('wasm', { threads, blas });
  return ops.flatMap((op) =>
    op.samples().map((sample) => {
      const tensors: Tensor[] = tidy(() => {
        const entries = Object.entries(sample.inputs);
        const inputs = entries.map(([name, { values, shape, dtype }]) => [name, tensor(values, shape, dtype)]);
        return runOp(op, Object.fromEntries(inputs), sample.attrs);
      });
      const hash = createHash('sha256');
      for (const output of tensors) hash.update(new Uint8Array(output.dataSync().buffer));
      dispose(tensors);
      return hash.digest('hex');
    }),
  );
}
