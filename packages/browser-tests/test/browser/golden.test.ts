import { goldenTests } from './golden.js';

goldenTests('wasm', ['gemma', 'gemma3', 'gguf', 'lora', 'lora3', 'nf4', 'trainer']);
