/**
 * @file The judge that one click on examples/browser trains, over several seeds of the made-up votes: accuracy on the test part (mean of both
 * orders), and how many of the page's ten obvious battles it gets right.
 *   node bench/page-judge.mjs [--seeds 42,1,2,3,4]
 * `npx -y pnpm@10.34.8 build` first. The settings are the page's own: this runs its modules.
 */
import { parseArgs } from 'node:util';
import { cleanBattles, syntheticBattles } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { evaluateJudge, memoryStore, tinyBaseFor, trainJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';
import { createServer } from 'vite';

const { values: flags } = parseArgs({ options: { seeds: { type: 'string', default: '42,1,2,3,4' } } });
// the page's modules are TypeScript
const vite = await createServer({ root: 'examples/browser', server: { middlewareMode: true }, logLevel: 'error' });
const { formFor, settingsOf } = await vite.ssrLoadModule('/src/worker/settings.ts');
const { EXAMPLES } = await vite.ssrLoadModule('/src/page/examples.ts');
const VOTES = 2000;

await openEngine('wasm');
console.log('| seed | test battles | right, both orders | best baseline | obvious battles | least P(A) of them |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const seed of flags.seeds.split(',').map(Number)) {
  const { battles } = cleanBattles(syntheticBattles({ count: VOTES, seed }));
  const parts = splitVotes(battles, { seed: 42 });
  const base = await openBase(bytesFolder(tinyBaseFor(battles, { hiddenSize: 128, layers: 4 })), 'tiny');
  const { hiddenSize } = base.config;
  const { form } = formFor({ hiddenSize, parameters: 1e6 });
  const { settings } = settingsOf(form, { base: 'tiny', hiddenSize, votes: 'made-up', battles: parts.train.length });
  const { judge } = await trainJudge({ parts }, settings, memoryStore(), { base, measured: 100 });
  const { report } = await evaluateJudge(judge, parts, { title: '', seed: 42 });
  const right = (name) => report.predictors.find((one) => one.name === name)?.accuracy.value ?? Number.NaN;
  const said = [];
  for (const pair of EXAMPLES) {
    const { probabilityA, probabilityASwapped } = await judge.predict(pair);
    said.push((probabilityA + (probabilityASwapped ?? probabilityA)) / 2);
  }
  const best = Math.max(...['always-longer', 'majority', 'style', 'tf-idf'].map(right));
  const cells = [
    seed,
    report.data.n,
    right('model, both orders').toFixed(3),
    best.toFixed(3),
    `${said.filter((p) => p > 0.5).length} of ${said.length}`,
    Math.min(...said).toFixed(2),
  ];
  console.log(`| ${cells.join(' | ')} |`);
  await judge.dispose();
}
await vite.close();
process.exit(0);
