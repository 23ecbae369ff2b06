/** @file `arena merge`: an adapter folded into its base checkpoint. */
import { stat } from 'node:fs/promises';
import { mergedCheckpoint } from '@arena/gemma/checkpoint';
import {
  describeStyle,
  formatCard,
  GEMMA_NOTICE,
  judgeReadme,
  labelNames,
  mergedCard,
  readCard,
} from '@arena/judge/card';
import { readJudge } from '@arena/judge/run';
import type { MergeError } from '@arena/lora/merge';
import type { Command } from 'commander';
import { TOKENIZER, writeCheckpointFolder } from '../checkpoint-folder.js';
import { ADAPTER, BASE } from '../flags/places.js';
import { resolveBase } from '../hub/base.js';
import { checkNewFolder } from '../output-folder.js';
import { adapterFolder, checkNotMerged } from '../trained-model.js';

interface MergeFlags {
  base: string;
  adapter: string;
  out: string;
}

export function define(command: Command): void {
  command
    .requiredOption('--base <dir|hub-id>', BASE)
    .requiredOption('--adapter <dir>', ADAPTER)
    .requiredOption('--out <dir>', 'folder to create')
    .action((flags: MergeFlags) => merge(flags));
}

async function merge({ base: baseOrId, adapter, out }: MergeFlags): Promise<void> {
  const base = await resolveBase(baseOrId);
  const folder = await adapterFolder(adapter);
  const card = (await stat(`${folder}/arena.json`).catch(() => undefined)) && (await readCard(folder));
  if (card) await checkNotMerged(baseOrId, await mergedCard(base), card);
  await checkNewFolder(out);
  const judge = card && (await readJudge(folder));
  const view = await mergedCheckpoint(base, folder, {
    labels: judge && labelNames(judge.objective),
    layers: card?.layers,
  });
  const others = judge && {
    // the folder has no other layers any more
    'arena.json': formatCard({ ...judge.card, layers: undefined, merged: true }),
    'README.md': judgeReadme({ form: 'merged', card: judge.card, labels: labelNames(judge.objective) }),
    NOTICE: GEMMA_NOTICE,
  };
  await writeCheckpointFolder(out, view, base, TOKENIZER, others);
  console.log(`written to ${out}`);
  const says = card && describeStyle(card);
  if (says) console.log(`its arena.json holds the judge's style: ${says}`);
  const { requantized } = view.weights;
  if (requantized.length) console.log(describeError(requantized));
}

function describeError(errors: MergeError[]): string {
  const mean = (field: keyof MergeError) => errors.reduce((sum, error) => sum + error[field], 0) / errors.length;
  const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`;
  return (
    `note: ${errors.length} matrices were quantised again after merging, which moved them by ` +
    `${percent(mean('relativeToWeight'))} of their size, ${percent(mean('relativeToChange'))} of the adapter's change ` +
    '(means of their norms): merge into the float checkpoint where you have it'
  );
}
