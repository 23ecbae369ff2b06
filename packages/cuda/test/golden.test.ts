/** @file The golden cases on engine `cuda`, emulated. */
import { provideEngine } from '@arena/runtime';
import { describe } from 'vitest';
import { goldenTests } from '../../../tools/golden-tests.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const compiler = hasCompiler();
if (compiler) {
  process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
  provideEngine('cuda', async () => (await import('../src/index.js')).cudaEngine);
}
describe.skipIf(!compiler)('engine cuda, emulated (g++ is needed)', async () => {
  for (const area of ['gemma', 'gemma3', 'gguf', 'lora', 'lora3', 'nf4', 'trainer']) await goldenTests(area, ['cuda']);
});
