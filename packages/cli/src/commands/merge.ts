/** @file `arena merge`: an adapter folded into its base checkpoint. */
import { stat } from 'node:fs/promises';
import { mergedCheckpoint } from '@arena/gemma/checkpoint';
import { describeStyle, formatCard, labelNames, mergedCard, readCard } from '@arena/judge/card';
import { type JudgeFiles, readJudge } from '@arena/judge/run';
import type { MergeError } from '@arena/lora/merge';
import type { Command } from 'commander';
import { TOKENIZER, writeCheckpointFolder } from '../checkpoint-folder.js';
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
    .requiredOption('--base <dir|hub-id>', 'base: a folder, a GGUF file, or a hub id')
    .requiredOption('--adapter <dir>', "adapter folder, or its run's")
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
    'README.md': mergedReadme(judge),
  };
  await writeCheckpointFolder(out, view, base, TOKENIZER, others);
  console.log(`written to ${out}`);
  const says = card && describeStyle(card);
  if (says) console.log(`its arena.json holds the judge's style: ${says}`);
  const { requantized } = view.weights;
  if (requantized.length) console.log(describeError(requantized));
}

/** What the folder is, and how to open it. */
function mergedReadme({ card, objective }: JudgeFiles): string {
  const labels = labelNames(objective);
  const what =
    card.head === 'reward'
      ? 'One label, the reward of one answer to a prompt: P(A is preferred) = sigmoid(reward of A - reward of B).'
      : `Labels ${labels.join(', ')}: which of two answers to a prompt people prefer.`;
  return `# A judge of two answers, merged

A Gemma sequence classifier with a LoRA adapter folded in, trained by Arena. ${what}
arena.json says how a text is packed (its frame). Gemma's terms of use apply.

\`\`\`python
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained("this-folder")
\`\`\`

\`arena predict --base this-folder --data votes.jsonl\` packs and scores votes; \`arena serve --model this-folder\` answers requests.
`;
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
