/** @file Writes the full 2B shape with random bfloat16 weights (5.2 GB): `node bench/random-base.mjs DIR`. */
import { GEMMA2_2B } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';

const [directory] = process.argv.slice(2);
if (!directory) throw new Error('usage: node bench/random-base.mjs DIR');
const start = performance.now();
const onProgress = (done, total) =>
  done % 20 === 0 && console.log(`${done}/${total} tensors, ${Math.round((performance.now() - start) / 1000)} s`);
await writeRandomCheckpoint(directory, GEMMA2_2B, { seed: 1, maxShardBytes: 2e9, onProgress });
