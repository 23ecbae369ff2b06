export * from './checkpoint.js';
export * from './early-stopping.js';
export * from './ops/adamw/op.js';
export * from './optimizer.js';
export * from './schedule.js';
export * from './train.js';
