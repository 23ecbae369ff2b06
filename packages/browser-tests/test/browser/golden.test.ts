import { goldenTests } from './golden.js';

goldenTests('wasm', ['gemma', 'lora', 'nf4', 'trainer']);
