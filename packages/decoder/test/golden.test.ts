import { goldenTests } from '../../../tools/golden-tests.js';

await goldenTests('gemma');
await goldenTests('gemma3');
