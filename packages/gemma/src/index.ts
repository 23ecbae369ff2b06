// what everyone does with the model next, so that a user of Gemma needs no second package
export { type Classifier, forward, trainable } from '@arena/decoder';
export { type LoadGemmaOptions, loadGemma, parseGemmaConfig, readConfig } from './families.js';
export { GEMMA2_2B, gemma2 } from './gemma2.js';
export { GEMMA3_270M, gemma3 } from './gemma3.js';
export { type GgufBase, readGgufBase } from './gguf-base.js';
export { type TinyBaseOptions, tinyBaseFiles } from './tiny-base.js';
