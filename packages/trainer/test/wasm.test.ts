import { checkOps } from '@arena/runtime';
import { adamWOp, squaredNormOp } from '@arena/trainer';
import { describe, expect, it } from 'vitest';

describe.each([{ threads: 1 }, { threads: 2 }, { threads: 2, relaxedSimd: false }])('engine wasm (%o)', (options) => {
  it('agrees with the reference on every sample of AdamW and SquaredNorm', async () => {
    const results = await checkOps([adamWOp, squaredNormOp], 'wasm', options);
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});
