/**
 * @file The time that examples/browser foretells for a base before its download, beside what training then takes: a base of the shape of Gemma 3
 * 270M with random weights, on engine wasm without a native library, as in a tab.
 *   node bench/page-probe.mjs VOTES.jsonl [--battles 60]
 * `npx -y pnpm@10.34.8 build` first.
 */
import { parseArgs } from 'node:util';
import { bytesFolder } from '@arena/files';
import { GEMMA3_270M } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { memoryStore, readVotes, trainJudge } from '@arena/judge';
import { estimateTraining } from '@arena/judge/estimate';
import { openBase } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';
import { loadTokenizer, trainBpe } from '@arena/tokenizer';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { battles: { type: 'string', default: '60' } },
});
const { battles } = await readVotes(positionals[0], { name: positionals[0] });
const parts = splitVotes(battles, { seed: 42 });
parts.train = parts.train.slice(0, Number(flags.battles));
/** Validation battles at each measurement. */
const MEASURED = 2;
const settings = { base: 'shape', data: ['votes'], recipe: 'small-base', batchSize: 1, accumulation: 8, style: 'none' };

await openEngine('wasm');
const begin = performance.now();
const estimate = await estimateTraining(GEMMA3_270M, parts, settings, { measured: MEASURED });
const probed = (performance.now() - begin) / 1000;
console.log(`foretold ${estimate.seconds.toFixed(1)} s, by a probe of ${probed.toFixed(1)} s`);

// a tokenizer of as many characters a token as Gemma's has on such texts would need its vocabulary: this one is trained on them
const texts = battles
  .slice(0, 300)
  .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
const tokenizer = trainBpe(texts, { vocabSize: 4_000 });
const config = { ...GEMMA3_270M, vocab_size: loadTokenizer(tokenizer).vocabSize };
const files = {
  ...randomCheckpointFiles(config),
  'tokenizer.json': new TextEncoder().encode(JSON.stringify(tokenizer)),
};
const base = await openBase(bytesFolder(files), 'shape');
let first = 0;
let tokens = 0;
const { judge } = await trainJudge({ parts }, settings, memoryStore(), {
  base,
  measured: MEASURED,
  onEvent(event) {
    if (event.kind === 'begin') first = performance.now();
    if (event.kind === 'step') tokens = event.tokens;
  },
});
const real = (performance.now() - first) / 1000;
await judge.dispose();
console.log(
  `took ${real.toFixed(1)} s: the forecast is ${(estimate.seconds / real).toFixed(2)} of it; ${tokens} tokens, ${(tokens / real).toFixed(0)} a second`,
);
process.exit(0);
