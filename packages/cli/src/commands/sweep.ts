/** @file `arena sweep`: runs `arena train` over a grid or random draws of its flags. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { makeFolder, replaceFile } from '@arena/files/write';
import { type Command, Option } from 'commander';
import { integer } from '../flags/arguments.js';
import { lockFolder } from '../folder-lock.js';
import { onInterrupt } from '../interrupt.js';
import { checkNewFolder } from '../output-folder.js';
import { type Flags, readSpace, type SweepSpace, trialsOf } from '../sweep/space.js';
import { ranked, runSweep, sweepTable } from '../sweep/sweep.js';
import { checkTrainFlags } from './train.js';

interface SweepFlags {
  space: string;
  out: string;
  jobs: number;
  metric: 'loss' | 'accuracy';
  seed: number;
}

const HELP = `
The space is JSON: { "train": { flags of all trials }, "grid": { "rank": [8, 16] }, "random": { "learning-rate": { "log": [1e-5, 1e-3] } },
"trials": 10 }. Ranges: a list, {"uniform": [a, b]}, {"log": [a, b]}, {"int": [a, b]}. Each trial is a folder with its config.json, log.txt
and run. The same command goes on where a stopped sweep was.`;

export function define(command: Command): void {
  command
    .requiredOption('--space <file>', 'flags that all trials share, and what varies')
    .requiredOption('--out <dir>', 'folder of the trials: new, or that of a sweep to go on with')
    .option('--jobs <n>', 'runs at a time', integer(1, 256), 1)
    .addOption(new Option('--metric <name>', 'what ranks').choices(['loss', 'accuracy']).default('loss'))
    .option('--seed <n>', 'seed of the random draws', integer(0, 2 ** 32 - 1), 42)
    .addHelpText('after', HELP)
    .action((flags: SweepFlags) => sweep(flags));
}

async function sweep({ space: path, out, jobs, metric, seed }: SweepFlags): Promise<void> {
  const space = await readSpace(path);
  const trials = trialsOf(space, seed);
  for (const [trial, flags] of trials.entries()) {
    try {
      checkTrainFlags(path, { out, ...space.train, ...flags });
    } catch (error) {
      throw new Error(
        `${path}: trial ${trial + 1}: ${(error as Error).message.replace(/^error: /, '').replace(`${path}: `, '')}`,
      );
    }
  }
  await openFolder(out, `${JSON.stringify({ format: 'arena-sweep-1', seed, space, trials }, null, 2)}\n`);
  const release = await lockFolder(out);
  try {
    await runTrials(space, trials, { out, jobs, metric });
  } finally {
    await release();
  }
}

async function runTrials(
  space: SweepSpace,
  trials: Flags[],
  { out, jobs, metric }: Pick<SweepFlags, 'out' | 'jobs' | 'metric'>,
): Promise<void> {
  const say = (line: string) => console.log(line);
  const threads = Math.max(1, Math.floor(availableParallelism() / jobs));
  say(`${trials.length} trials, ${jobs} at a time with ${threads} thread${threads > 1 ? 's' : ''} each`);
  const results = ranked(await runSweep({ space, trials, out, jobs, threads, say, signal: onInterrupt() }), metric);
  const table = sweepTable(results);
  await replaceFile(`${out}/results.json`, `${JSON.stringify(results, null, 2)}\n`);
  const note =
    `Ranked by validation ${metric}; 95 % intervals in brackets. The best of many is partly luck: where intervals overlap there is no ` +
    "winner, and the test figures are the winner's honest ones only when nothing was chosen by them.";
  await replaceFile(`${out}/results.md`, `${table}\n\n${note}\n`);
  say(`\n${table}\n\n${note}\n${out}/results.md and results.json have the table.`);
  const failed = results.filter(({ error }) => error).length;
  if (failed) throw new Error(`${failed} of ${results.length} trials failed; their log.txt says why`);
}

/** Creates the folder, or reuses the folder of the same sweep. */
async function openFolder(out: string, content: string): Promise<void> {
  const file = `${out}/sweep.json`;
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before === content) return;
  if (before !== undefined) {
    throw new Error(`${file}: is of a sweep with another space or seed; choose another --out, or go on with that one`);
  }
  await checkNewFolder(out);
  await makeFolder(out);
  await replaceFile(file, content);
}
