/** @file Every fused op that the packages export. */
import * as gemma from '@arena/gemma';
import * as lora from '@arena/lora';
import * as quant from '@arena/quant';
import type { AnyOp } from '@arena/runtime';
import * as trainer from '@arena/trainer';

export const OPS: AnyOp[] = [quant, lora, gemma, trainer].flatMap((exports) => Object.values(exports).filter(isOp));

function isOp(value: unknown): value is AnyOp {
  return typeof value === 'object' && value !== null && 'reference' in value && 'kernels' in value;
}
