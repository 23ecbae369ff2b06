import { setFlagsFromString } from 'node:v8';
import { loraLinearBackwardOp, loraLinearOp } from '@arena/lora';
import { checkOps } from '@arena/runtime';
import { describe, expect, it } from 'vitest';

/** 256-bit vectors are a flag of Node 24. Only optimised code has them, so here all code is. */
const HAS_FLAG = Number.parseInt(process.versions.node, 10) >= 24;

describe.each([{ threads: 1 }, { threads: 2 }, { threads: 2, relaxedSimd: false }])('engine wasm (%o)', (options) => {
  it('agrees with the reference on every sample', async () => {
    const results = await checkOps([loraLinearOp, loraLinearBackwardOp], 'wasm', options);
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});

describe.skipIf(!HAS_FLAG)('engine wasm with 256-bit vectors (a flag of Node 24)', () => {
  it('agrees with the reference on every sample', async () => {
    setFlagsFromString('--no-liftoff');
    const results = await checkOps([loraLinearOp, loraLinearBackwardOp], 'wasm', { threads: 2, wide: true });
    setFlagsFromString('--liftoff');
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});
