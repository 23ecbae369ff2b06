import { loraLinearBackwardOp, loraLinearOp } from '@arena/lora';
import { checkOps } from '@arena/runtime';
import { describe, expect, it } from 'vitest';

describe.each([1, 2])('engine wasm with %i threads', (threads) => {
  it('agrees with the reference on every sample', async () => {
    const results = await checkOps([loraLinearOp, loraLinearBackwardOp], 'wasm', { threads });
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});
