/** @file `arena evaluate`: a trained adapter on votes that it was not trained on. */
import type { Command } from 'commander';
import { addEngineOptions, type EngineFlags, openFlagged } from '../engine-option.js';
import { onInterrupt } from '../interrupt.js';
import { dropIfEmpty, prepareOutput } from '../output-folder.js';
import { progress } from '../progress.js';
import { describeDrops, loadDataset } from '../run/dataset.js';
import { writeResults } from '../run/results.js';
import { scoreBattles } from '../run/scoring.js';
import { openTrained } from '../run/trained-model.js';

interface EvaluateFlags extends EngineFlags {
  base: string;
  adapter: string;
  data: string[];
  out: string;
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score votes with a trained adapter and write predictions, metrics and the report')
    .requiredOption('--base <dir>', 'base checkpoint folder')
    .requiredOption('--adapter <dir>', 'adapter folder')
    .requiredOption('--data <file...>', 'votes that the adapter was not trained on')
    .requiredOption('--out <dir>', 'new or empty folder for the results');
  addEngineOptions(command).action((flags: EvaluateFlags) => evaluateCommand(flags));
}

async function evaluateCommand({ base, adapter, data, out, ...engineFlags }: EvaluateFlags): Promise<void> {
  const signal = onInterrupt();
  await prepareOutput(out);
  const engine = await openFlagged(engineFlags);
  try {
    const dataset = await loadDataset(data, signal);
    const { battles, clean } = dataset;
    const drops = describeDrops(dataset);
    console.log(`${clean.read} battles read, ${battles.length} kept${drops ? `; left out: ${drops}` : ''}`);
    const { model, tokenizer, pack } = await openTrained(base, adapter, signal);
    const bar = progress({ label: 'scoring', total: 2 * battles.length, unit: 'texts' });
    const onProgress = (done: number) => bar.update(done);
    const predictions = await scoreBattles(model, battles, tokenizer, pack, { onProgress, signal });
    bar.finish();
    await model.dispose();
    const title = `${data.join(', ')} with ${adapter}`;
    const { table } = await writeResults(out, { predictions, battles, title, seed: 0 });
    console.log(`\n${table}\n\n${out}/report.html has the rest.`);
  } finally {
    engine.dispose();
    await dropIfEmpty(out);
  }
}
