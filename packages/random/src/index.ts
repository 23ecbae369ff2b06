export { normal, randperm, uniform } from './draws.js';
export { type DropoutMask, dropoutMask } from './dropout.js';
export { DROPOUT_WGSL } from './dropout-wgsl.js';
export { Mt19937 } from './mt19937.js';
