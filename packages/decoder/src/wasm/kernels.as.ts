/** @file What the package's WebAssembly module exports. */
export { addCopies, attentionBackward } from '../ops/attention/backward.as';
export { attention } from '../ops/attention/kernel.as';
export { geglu, gegluBackward } from '../ops/geglu/kernel.as';
export { rmsNorm, rmsNormBackward, sumRows } from '../ops/rms-norm/kernel.as';
export { rope } from '../ops/rope/kernel.as';
