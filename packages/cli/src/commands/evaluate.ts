/** @file `arena evaluate`: a trained adapter on votes that it was not trained on. */
import type { Battle, SplitName } from '@arena/data';
import type { Command } from 'commander';
import { addCleanOption, type Cleaning } from '../clean-option.js';
import { addEngineOptions, type EngineFlags, openFlagged } from '../engine-option.js';
import { onInterrupt } from '../interrupt.js';
import { dropIfEmpty, dropping, prepareOutput } from '../output-folder.js';
import { type Dataset, describeDrops, loadDataset } from '../run/dataset.js';
import { evaluateParts } from '../run/evaluate-parts.js';
import { loadTrained, readTrained } from '../run/trained-model.js';

interface EvaluateFlags extends EngineFlags {
  clean?: Cleaning;
  base: string;
  adapter?: string;
  data: string[];
  out: string;
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score votes with a trained adapter and write predictions, metrics and the report')
    .requiredOption('--base <dir|hub-id>', 'base checkpoint: a folder, or a hub id')
    .option('--adapter <dir>', "adapter folder, or its run's; none for a base that arena merge wrote")
    .requiredOption(
      '--data <file...>',
      'votes that the adapter was not trained on, or a prepared folder, whose test part is taken',
    )
    .requiredOption('--out <dir>', 'new or empty folder for the results');
  addEngineOptions(addCleanOption(command)).action((flags: EvaluateFlags) => evaluateCommand(flags));
}

async function evaluateCommand({ base, adapter, data, out, clean, ...engineFlags }: EvaluateFlags): Promise<void> {
  const signal = onInterrupt();
  await prepareOutput(out);
  const engine = await openFlagged(engineFlags).catch(dropping(out));
  try {
    const files = await readTrained(base, adapter);
    const dataset = await loadDataset(data, { ties: files.numLabels === 3, clean, signal });
    const drops = describeDrops(dataset);
    console.log(
      `${dataset.clean.read} battles read, ${dataset.battles.length} kept${drops ? `; left out: ${drops}` : ''}`,
    );
    const parts = partsOf(dataset);
    const trained = await loadTrained(files, signal);
    try {
      const title = `${data.join(', ')} with ${adapter ?? base}`;
      const table = await evaluateParts(trained, parts, { out, title, seed: 0, signal });
      console.log(`\n${table}\n\n${out}/report.html has the rest.`);
    } finally {
      await trained.model.dispose();
    }
  } finally {
    engine.dispose();
    await dropIfEmpty(out);
  }
}

/** What is scored, and what baselines and temperature are fitted on: a prepared folder has parts, files are all to be scored. */
function partsOf({ battles, prepared }: Dataset): Record<SplitName, Battle[]> {
  if (!prepared) return { train: [], validation: [], test: battles };
  const { train, validation, test } = prepared.parts;
  console.log(
    `its test part: ${test.length} battles; baselines are fitted on ${train.length}, the temperature on ${validation.length}`,
  );
  return prepared.parts;
}
