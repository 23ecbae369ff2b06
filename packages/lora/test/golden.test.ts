import { goldenTests } from '../../../tools/golden-tests.js';

await goldenTests('lora');
await goldenTests('lora3');
