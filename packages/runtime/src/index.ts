export * from './engine.js';
export * from './op.js';
