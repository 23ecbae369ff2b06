import { linear4bitOp } from '@arena/quant';
import { checkOps } from '@arena/runtime';
import { describe, expect, it } from 'vitest';

describe.each([1, 2])('engine wasm with %i threads', (threads) => {
  it('agrees with the reference on every sample of Linear4bit', async () => {
    const results = await checkOps([linear4bitOp], 'wasm', { threads });
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});
