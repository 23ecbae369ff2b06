export * from './draws.js';
export * from './dropout.js';
export * from './dropout-wgsl.js';
export * from './mt19937.js';
