/** @file `arena evaluate`: a trained adapter on votes that it was not trained on. */
import { evaluateJudge } from '@arena/judge';
import { keepEvaluation } from '@arena/judge/run';
import type { Cleaning } from '@arena/judge/settings';
import { describeDrops, type VoteParts } from '@arena/judge/votes';
import type { Command } from 'commander';
import { addCleanOption } from '../flags/clean-option.js';
import { addEngineOptions, type EngineFlags, openFlagged } from '../flags/engine-option.js';
import { addNamingOptions, type NamingFlags } from '../flags/naming-options.js';
import { ADAPTER, BASE } from '../flags/places.js';
import { rawOption } from '../flags/raw-option.js';
import { folderStore } from '../folder-store.js';
import { onInterrupt } from '../interrupt.js';
import { withOutput } from '../output-folder.js';
import { type Dataset, loadDataset } from '../prepare/dataset.js';
import { scoringBar } from '../train/training.js';
import { loadTrained, readTrained } from '../trained-model.js';

interface EvaluateFlags extends EngineFlags, NamingFlags {
  clean?: Cleaning;
  base: string;
  adapter?: string;
  data: string[];
  out: string;
  raw: boolean;
}

export function define(command: Command): void {
  command
    .requiredOption('--base <dir|hub-id>', BASE)
    .option('--adapter <dir>', `${ADAPTER}; none for a base that arena merge wrote`)
    .requiredOption(
      '--data <file...>',
      'votes that the adapter was not trained on (files, or a data set on the hub), or a prepared folder, whose test part is taken',
    )
    .requiredOption('--out <dir>', 'new or empty folder for the results');
  addEngineOptions(addCleanOption(addNamingOptions(command.addOption(rawOption())))).action((flags: EvaluateFlags) =>
    withOutput(flags.out, () => evaluateCommand(flags)),
  );
}

async function evaluateCommand({
  base,
  adapter,
  data,
  out,
  clean,
  columns,
  winnerValues,
  raw,
  ...engineFlags
}: EvaluateFlags): Promise<void> {
  const signal = onInterrupt();
  const engine = await openFlagged(engineFlags);
  try {
    const files = await readTrained(base, adapter);
    const dataset = await loadDataset(data, { ties: files.objective.knowsTies, clean, columns, winnerValues, signal });
    const drops = describeDrops(dataset);
    console.log(
      `${dataset.clean.read} battles read, ${dataset.battles.length} kept${drops ? `; left out: ${drops}` : ''}`,
    );
    const parts = partsOf(dataset);
    const judge = await loadTrained(files, raw, signal);
    try {
      const title = `${data.join(', ')} with ${adapter ?? base}`;
      const bar = scoringBar(parts);
      const onProgress = (done: number) => bar.update(done);
      const evaluation = await evaluateJudge(judge, parts, { title, seed: 0, raw, onProgress, signal });
      bar.finish();
      await keepEvaluation(folderStore(out), evaluation);
      console.log(`\n${evaluation.table}\n\n${out}/report.html has the rest.`);
    } finally {
      await judge.dispose();
    }
  } finally {
    engine.dispose();
  }
}

/**
 * The battles to score, and the battles that baselines and temperature are fitted on. A prepared folder has parts; all
 * battles of plain files are scored.
 */
function partsOf({ battles, prepared }: Dataset): VoteParts {
  if (!prepared) return { train: [], validation: [], test: battles };
  const { train, validation, test } = prepared.parts;
  console.log(
    `its test part: ${test.length} battles; baselines are fitted on ${train.length}, the temperature on ${validation.length}`,
  );
  return prepared.parts;
}
