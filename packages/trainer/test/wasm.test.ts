import { checkOps } from '@arena/runtime';
import { adamWOp, squaredNormOp } from '@arena/trainer';
import { describe, expect, it } from 'vitest';

describe.each([1, 2])('engine wasm with %i threads', (threads) => {
  it('agrees with the reference on every sample of AdamW and SquaredNorm', async () => {
    const results = await checkOps([adamWOp, squaredNormOp], 'wasm', { threads });
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});
