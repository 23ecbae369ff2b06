/**
 * @file From votes to a tested PEFT adapter: `node train.mjs [engine] [votes file] [base folder]`. Without arguments: the best
 * engine here, made-up votes, and a tiny base of random weights.
 */
import { cleanBattles, syntheticBattles } from '@arena/data';
import { bytesFolder, writeFolder } from '@arena/files';
import { evaluateJudge, memoryStore, readVotes, tinyBaseFor, trainJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';

const [engineName = 'auto', votesFile, baseFolder] = process.argv.slice(2);

// an argument that cannot be used ends the script in one line
process.on('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});

const engine = await openEngine(engineName);
console.log(`engine ${engine.name}`);

const { battles } = votesFile
  ? await readVotes(votesFile, { name: votesFile })
  : cleanBattles(syntheticBattles({ count: 1200, seed: 1 }));
const parts = splitVotes(battles, { seed: 42 });
console.log(`${battles.length} battles, ${parts.test.length} of them for the test`);

const base = baseFolder
  ? await openBase(baseFolder)
  : await openBase(bytesFolder(tinyBaseFor(battles, { hiddenSize: 64 })), 'a tiny base of random weights');

// what is not said here is as DEFAULT_SETTINGS has it
const settings = {
  base: base.name,
  data: [votesFile || 'made-up votes'],
  maxTokens: 384,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  firstLayer: 0,
  learningRate: 2e-3,
  warmup: 0.05,
};
const { judge, result, validation } = await trainJudge({ parts }, settings, memoryStore(), {
  base,
  onEvent(event) {
    if (event.kind !== 'step' || event.entry.step % 20) return;
    console.log(`step ${event.entry.step} of ${event.totalSteps}, loss ${event.entry.loss.toFixed(3)}`);
  },
});
console.log(`trained ${result.steps} steps`);

const { table } = await evaluateJudge(judge, parts, { title: 'A judge', seed: 42, validation });
console.log(table);

await writeFolder('adapter', await judge.files());
console.log('the adapter is in ./adapter; PEFT loads it, and arena predict');
await judge.dispose();
engine.dispose();
