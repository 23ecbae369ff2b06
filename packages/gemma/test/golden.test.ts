import { goldenTests } from '../../../tools/golden-tests.js';

await goldenTests('gguf');
