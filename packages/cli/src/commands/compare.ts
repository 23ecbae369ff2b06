/** @file `arena compare`: two or more runs on the same battles, with paired tests. */
import { join } from 'node:path';
import { promptKey } from '@arena/data/clean';
import { compareRuns, renderComparison } from '@arena/eval';
import { comparisonSummary } from '@arena/eval/report';
import { replaceFile } from '@arena/files/write';
import { type Command, Option } from 'commander';
import { integer } from '../flags/arguments.js';
import { onInterrupt } from '../interrupt.js';
import { withOutput } from '../output-folder.js';
import { battlesOfFiles, battlesOfRuns, readRuns, sharedRuns } from '../report/predicted-runs.js';

interface CompareFlags {
  data?: string[];
  out?: string;
  common: boolean;
  cascade: boolean;
  ties: 'drop' | 'half';
  rounds: number;
  seed: number;
}

export function define(command: Command): void {
  command
    .argument('<run...>', 'folders that train or evaluate wrote, or files of predictions (jsonl or csv)')
    .option('--data <file...>', 'the votes, for intervals by prompt, and where the predictions have no winner')
    .option('--common', 'compare the battles that all runs have, where they differ', false)
    .option('--cascade', 'of two: what asking the second only where the first is not certain gives', false)
    .addOption(
      new Option('--ties <what>', 'leave ties out, or count them half').choices(['drop', 'half']).default('drop'),
    )
    .option('--rounds <n>', 'bootstrap rounds', integer(1, 100_000), 2000)
    .option('--seed <n>', 'seed of the bootstrap', integer(0, 2 ** 32 - 1), 0)
    .option('--out <dir>', 'new or empty folder for comparison.html, .md and .json')
    .action((paths: string[], flags: CompareFlags) => compare(paths, flags));
}

async function compare(
  paths: string[],
  { data, out, common, cascade, ties, rounds, seed }: CompareFlags,
): Promise<void> {
  if (paths.length < 2) throw new Error(`one run is given (${paths[0]}); two or more are needed`);
  const work = async () => {
    const runs = sharedRuns(await readRuns(paths), common);
    const battles = data ? await battlesOfFiles(data, runs, onInterrupt()) : battlesOfRuns(runs);
    const title = runs.map(({ name }) => name).join(' against ');
    const promptsKnown = data !== undefined;
    const known = promptsKnown ? { promptKey } : { promptsKnown }; // without prompts, the id takes the prompt's place
    const comparison = compareRuns(runs, battles, { ties, bootstrapRounds: rounds, seed, title, cascade, ...known });
    if (!promptsKnown) console.error('give the votes with --data for intervals over prompts');
    if (out) {
      await replaceFile(join(out, 'comparison.json'), renderComparison(comparison, 'json'));
      await replaceFile(join(out, 'comparison.md'), renderComparison(comparison, 'markdown'));
      await replaceFile(join(out, 'comparison.html'), renderComparison(comparison, 'html'));
    }
    console.log(comparisonSummary(comparison));
    if (out) console.log(`\n${out}/comparison.html has the same.`);
  };
  await (out ? withOutput(out, work) : work());
}
