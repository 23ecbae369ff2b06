/** @file `arena merge`: an adapter folded into its base checkpoint. */
import { copyFile, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { linearModules, readQuantized } from '@arena/decoder';
import { readConfig } from '@arena/gemma';
import { formatCard, mergedCard, readCard } from '@arena/judge';
import {
  type AdapterFiles,
  checkAdapter,
  loadAdapter,
  type MergeError,
  mergeError,
  mergeWeight,
  mergeWeight4bit,
  resolveTargets,
} from '@arena/lora';
import { serializeState } from '@arena/quant';
import { editJson, fromFloat32, openCheckpoint, type TensorInput, toFloat32, writeSharded } from '@arena/safetensors';
import type { Command } from 'commander';
import { checkNewFolder, makeFolder } from '../output-folder.js';
import { resolveBase } from '../run/base.js';
import { copiedTensor } from '../run/copied-tensor.js';
import { adapterFolder, checkNotMerged } from '../run/trained-model.js';

interface MergeFlags {
  base: string;
  adapter: string;
  out: string;
}

export function addMerge(program: Command): void {
  program
    .command('merge')
    .description('write a classifier checkpoint with the adapter folded into the base')
    .requiredOption('--base <dir|hub-id>', 'base checkpoint: a folder, or a hub id')
    .requiredOption('--adapter <dir>', "adapter folder, or its run's")
    .requiredOption('--out <dir>', 'folder to create')
    .action((flags: MergeFlags) => merge(flags));
}

async function merge({ base: baseOrId, adapter: adapterPath, out }: MergeFlags): Promise<void> {
  const base = await resolveBase(baseOrId);
  const folder = await adapterFolder(adapterPath);
  const adapter = await loadAdapter(folder);
  const card = (await stat(`${folder}/arena.json`).catch(() => undefined)) && (await readCard(folder));
  if (card) await checkNotMerged(baseOrId, await mergedCard(base), card);
  const config = await readConfig(base);
  await checkNewFolder(out);
  const targets = resolveTargets(adapter.config, linearModules(config));
  checkAdapter(adapter, targets, folder);
  const checkpoint = await openCheckpoint(base);
  const temporary = `${out}.tmp-${process.pid}`;
  const requantized: MergeError[] = [];
  try {
    const tensors: TensorInput[] = [];
    const byName = new Map(targets.map((target) => [`${target.path}.weight`, target]));
    const replaced = new Set<string>();
    for (const [name, target] of byName) {
      const lora = adapter.weights.get(target.path)!;
      const stored = await readQuantized(checkpoint, name, base);
      if (stored) {
        const merged = mergeWeight4bit(stored, lora, target);
        for (const tensor of serializeState(name, merged)) {
          tensors.push(tensor);
          replaced.add(tensor.name);
        }
        requantized.push(mergeError(stored, merged, lora, target));
        continue;
      }
      const entry = checkpoint.tensors.get(name);
      if (!entry) throw new Error(`${base}: tensor '${name}' is missing, which the adapter changes`);
      const { dtype, shape } = entry;
      const data = async () => fromFloat32(mergeWeight(toFloat32(await checkpoint.read(name)), lora, target), dtype);
      tensors.push({ name, dtype, shape, data });
      replaced.add(name);
    }
    if (adapter.score) {
      tensors.push(scoreTensor(adapter.score, config.dtype));
      for (const name of checkpoint.names()) if (/^score\.weight(\.|$)/.test(name)) replaced.add(name);
    }
    for (const name of checkpoint.names()) if (!replaced.has(name)) tensors.push(copiedTensor(checkpoint, name));
    await makeFolder(temporary);
    await writeSharded(temporary, tensors);
    const fields = adapter.score ? classifierFields(adapter.score.shape[0]) : {};
    await writeFile(`${temporary}/config.json`, editJson(await readFile(`${base}/config.json`, 'utf8'), fields));
    for (const file of await readdir(base)) {
      if (/^(tokenizer.*|special_tokens_map\.json)$/.test(file))
        await copyFile(`${base}/${file}`, `${temporary}/${file}`);
    }
    if (card) await writeFile(`${temporary}/arena.json`, formatCard({ ...card, merged: true }));
    await rename(temporary, out);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await checkpoint.close();
  }
  console.log(`written to ${out}`);
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

function scoreTensor({ values, shape }: NonNullable<AdapterFiles['score']>, dtype: string): TensorInput {
  const stored = dtype === 'bfloat16' ? 'BF16' : dtype === 'float16' ? 'F16' : 'F32';
  return { name: 'score.weight', dtype: stored, shape, data: fromFloat32(values, stored) };
}

function classifierFields(numLabels: number) {
  const labels = Array.from({ length: numLabels }, (_, i) => [`LABEL_${i}`, i] as const);
  return {
    architectures: ['Gemma2ForSequenceClassification'],
    id2label: Object.fromEntries(labels.map(([label, i]) => [i, label])),
    label2id: Object.fromEntries(labels),
  };
}
