/**
 * @file Scoring both orders of a battle beside one order: `node bench/both-orders.mjs [--rounds 5]`. Prompts are half of the text. CPU time,
 * alternating; the median and the range of the rounds. Without sharing, both orders would take twice the time of one.
 */
import { parseArgs } from 'node:util';
import { scoreSequences } from '@arena/decoder';
import { bytesFolder } from '@arena/files';
import { GEMMA2_2B, loadGemma } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { openEngine } from '@arena/runtime';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const shape = { vocab_size: 1000, hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 6, head_dim: 64 };
const heads = { query_pre_attn_scalar: 64, torch_dtype: 'float32' };
const engine = await openEngine('wasm', { threads: 2 });
const base = bytesFolder(randomCheckpointFiles({ ...GEMMA2_2B, ...shape, ...heads }));
const model = await loadGemma(base, { quantization: {}, scoreSeed: 1 });

const tokens = (length, seed) => Array.from({ length }, (_, i) => 3 + ((i * 31 + seed * 17) % 900));
const pairs = [1, 2, 3, 4].map((seed) => {
  const [prompt, a, b] = [tokens(512, seed), tokens(256, seed + 9), tokens(256, seed + 5)];
  return [Int32Array.of(...prompt, ...a, ...b), Int32Array.of(...prompt, ...b, ...a)];
});
const one = pairs.map(([first]) => first);
const both = pairs.flat();

async function cpuSeconds(body) {
  const before = process.cpuUsage();
  await body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const ratios = [];
for (let round = 0; round <= Number(flags.rounds); round++) {
  const single = await cpuSeconds(() => scoreSequences(model, one));
  const double = await cpuSeconds(() => scoreSequences(model, both, { together: 2 }));
  if (round) ratios.push(double / single); // the first warms up
}
ratios.sort((a, b) => a - b);
const [low, middle, high] = [ratios[0], ratios[ratios.length >> 1], ratios.at(-1)].map((x) => x.toFixed(2));
console.log(`node ${process.version}: both orders take ${middle} (${low} to ${high}) times one order`);
engine.dispose();
