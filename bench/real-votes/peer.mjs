/** @file A run by transformers and PEFT (bench/peer-votes.py): its folder with Arena's tokens, its predictions as a report. */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { batches, swapBattle } from '@arena/data';
import { evaluationOf, newAdapter, objectiveOf, openBase } from '@arena/judge/run';
import { warmupSteps } from '@arena/trainer/optimizer';
import { readLines } from './figures.mjs';

/**
 * Writes what the peer trains on: the same tokens in the same order, packed and batched as `trainJudge` does.
 * @returns the tokens of all steps
 */
export async function writePeerInput(folder, settings, parts, threads) {
  const objective = objectiveOf(settings);
  const base = await openBase(settings.base);
  const pack = objective.packer(base.tokenizer);
  const shown = (battle) => (settings.swapAugment ? [battle, swapBattle(battle)] : [battle]);
  const packed = parts.train.flatMap(shown).map(pack);
  const { batchSize, seed, epochs, maxSteps = Number.POSITIVE_INFINITY } = settings;
  const steps = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches(packed, { batchSize, order: 'hf', seed, epoch })) {
      if (steps.length < maxSteps) steps.push({ rows: rowsOf(batch), targets: objective.targets(batch) });
    }
  }
  await mkdir(folder, { recursive: true });
  await writeLines(join(folder, 'batches.jsonl'), steps);
  for (const name of ['validation', 'test']) {
    const battles = parts[name].map((battle) => {
      const orders = objective.ordered ? [battle, swapBattle(battle)] : [battle];
      return { id: battle.id, shareA: SHARE_OF_A[battle.winner], rows: orders.map(pack).flatMap(rowsOfPacked) };
    });
    await writeLines(join(folder, `${name}.jsonl`), battles);
  }
  const { layers_to_transform: layers } = newAdapter(base, settings).config;
  const { evalEvery: every } = settings;
  const plan = {
    ...settings,
    evalEvery: every < 1 ? Math.ceil(every * steps.length) : every,
    labels: objective.labels,
    layers,
    totalSteps: steps.length,
    warmupSteps: warmupSteps(settings.warmup, steps.length),
    threads,
  };
  await writeFile(join(folder, 'peer.json'), `${JSON.stringify(plan, null, 2)}\n`);
  return steps.reduce((sum, { rows }) => sum + rows.reduce((tokens, row) => tokens + row.length, 0), 0);
}

/** The peer's predictions, evaluated by the code that `arena train` uses. */
export async function peerEvaluation(folder, parts, title) {
  const [validation, test] = await Promise.all(
    ['validation', 'test'].map((name) => readLines(join(folder, `predictions-${name}.jsonl`))),
  );
  return evaluationOf({
    predictions: test,
    battles: parts.test,
    train: parts.train,
    validation: { predictions: validation, battles: parts.validation },
    title,
    seed: 42,
  });
}

const SHARE_OF_A = { a: 1, b: 0, tie: 0.5 };

function rowsOf({ ids, offsets }) {
  return Array.from({ length: offsets.length - 1 }, (_, i) => Array.from(ids.slice(offsets[i], offsets[i + 1])));
}

function rowsOfPacked({ ids, second }) {
  const all = Array.from(ids);
  return second === undefined ? [all] : [all.slice(0, second), all.slice(second)];
}

async function writeLines(path, entries) {
  const file = createWriteStream(path);
  for (const entry of entries) file.write(`${JSON.stringify(entry)}\n`);
  file.end();
  await finished(file);
}
