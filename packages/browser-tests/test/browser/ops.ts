/// <reference types="vite/client" />
/** @file Every fused op of the packages: a new one is among them by its folder. */
import { declaredOps } from '@arena/runtime/op';

import.meta.glob('../../../*/src/ops/*/op.ts', { eager: true });

export const OPS = declaredOps();
