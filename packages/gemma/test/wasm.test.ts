import {
  attentionBackwardOp,
  attentionOp,
  gegluBackwardOp,
  gegluOp,
  rmsNormBackwardOp,
  rmsNormOp,
  ropeOp,
} from '@arena/gemma';
import { type AnyOp, checkOps } from '@arena/runtime';
import { describe, expect, it } from 'vitest';

const OPS: AnyOp[] = [rmsNormOp, rmsNormBackwardOp, ropeOp, gegluOp, gegluBackwardOp, attentionOp, attentionBackwardOp];

describe.each([1, 2])('engine wasm with %i threads', (threads) => {
  it.each(OPS.map((op) => [op.name, op] as const))(
    '%s agrees with the reference on every sample',
    async (_name, op) => {
      const results = await checkOps([op], 'wasm', { threads });
      expect(results.length).toBeGreaterThan(0);
      expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
    },
  );
});
