export { type CombineOptions, combineAdapters } from './combine.js';
export { formatLoraConfig, type LoraConfig, loraConfig, parseLoraConfig } from './config.js';
export { LoraError } from './error.js';
export { type AdapterFiles, checkAdapter, loadAdapter, saveAdapter, serializeAdapter } from './files.js';
export { initAdapter } from './init.js';
export { adapterScaling, type LoraTarget } from './targets.js';
