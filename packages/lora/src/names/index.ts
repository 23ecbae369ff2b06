/** @file Names of modules and tensors in PEFT files. */
export { adapterFolder, adapterKey, SCORE_KEY } from '../files.js';
export { initScore } from '../init.js';
export { type LinearModule, resolveTargets } from '../targets.js';
