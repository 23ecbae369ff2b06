/** @file AdamW step by step, its states, and schedules. */
export type { EightBitMoments } from '../eight-bit.js';
export type { OptimizerSettings, OptimizerState } from '../hf-optimizer.js';
export { type AdamWAttrs, type AdamWTensors, adamWOp, adamWStep, squaredNorm, squaredNormOp } from '../ops/adamw/op.js';
export { type AdamWState, clipScale, type FloatMoments, floatMoments, gradientNorm, isDecayed } from '../optimizer.js';
export { type ScheduleKind, scheduleFactor, totalSteps, warmupSteps } from '../schedule.js';
