/** @file The votes of the bench: one prepared folder with the split, and folders that hold a share of its training part. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promptKey } from '@arena/data/clean';
import { applySplits } from '@arena/data/split';
import { readVotes } from '@arena/judge';
import { Mt19937, randperm } from '@arena/random';
import { readLines } from './figures.mjs';

/** Seed of the order in which prompts join a share. */
const SHARE_SEED = 42;

/**
 * The folder of `arena prepare`, made once. Every run trains on it, so the split stays while the seed of a run changes.
 * @param share Share of the training part that the folder keeps, drawn by prompt. Validation and test stay whole.
 */
export async function preparedFolder({ runs, data, base, cli, splitSeed, maxTokens }, share = 1) {
  const whole = join(runs, `prepared-${splitSeed}`);
  if (!existsSync(whole)) {
    const words = ['prepare', '--data', data, '--tokenizer', base, '--out', whole];
    const flags = ['--max-tokens', String(maxTokens), '--seed', String(splitSeed)];
    execFileSync(process.execPath, [cli, ...words, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  if (share === 1) return whole;
  const folder = `${whole}-${share}`;
  if (!existsSync(folder)) await writeShare(whole, folder, share);
  return folder;
}

/**
 * A copy whose training part has the probabilities of a judge as soft labels, made once.
 * @param predict Writes the judge's predictions on a file of votes to another file.
 */
export async function softFolder(whole, predict) {
  const folder = `${whole}-soft`;
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.part`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const splits = JSON.parse(await readFile(join(whole, 'splits.json'), 'utf8'));
  const train = new Set(splits.train);
  const records = await readLines(join(whole, 'battles.jsonl'));
  const lines = (all) => all.map((one) => `${JSON.stringify(one)}\n`).join('');
  const asked = join(temporary, 'train.jsonl');
  await writeFile(asked, lines(records.filter(({ id }) => train.has(id))));
  const answers = join(temporary, 'answers.jsonl');
  await predict(asked, answers);
  const said = new Map((await readLines(answers)).map(({ id, probabilityA }) => [id, probabilityA]));
  const soft = records.map((one) => {
    const p = said.get(one.id);
    return p === undefined ? one : { ...one, soft_label: [p, 1 - p] };
  });
  await writeFile(join(temporary, 'battles.jsonl'), lines(soft));
  for (const name of ['splits.json', 'prepared.json']) await cp(join(whole, name), join(temporary, name));
  await rename(temporary, folder);
  return folder;
}

/** The parts of a prepared folder, in the order of its splits.json: the order that training takes. */
export async function partsOf(folder) {
  const { battles } = await readVotes(join(folder, 'battles.jsonl'), { name: folder, schema: 'jsonl' });
  return applySplits(battles, JSON.parse(await readFile(join(folder, 'splits.json'), 'utf8')));
}

/** Where each battle comes from, by id: the column `source` of the votes. */
export function sourcesOf(data) {
  const lines = readFileSync(data, 'utf8').split('\n').filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line)).map(({ id, source }) => [id, source]));
}

/** A copy with fewer prompts in the training part. A smaller share is within a larger one. */
async function writeShare(whole, folder, share) {
  const { train } = await partsOf(whole);
  const splits = JSON.parse(await readFile(join(whole, 'splits.json'), 'utf8'));
  const byPrompt = new Map();
  for (const battle of train) byPrompt.set(promptKey(battle), [...(byPrompt.get(promptKey(battle)) ?? []), battle.id]);
  const prompts = [...byPrompt.keys()].sort();
  const kept = new Set();
  for (const i of randperm(new Mt19937(SHARE_SEED), prompts.length)) {
    if (kept.size >= share * train.length) break;
    for (const id of byPrompt.get(prompts[i])) kept.add(id);
  }
  splits.train = splits.train.filter((id) => kept.has(id));
  const temporary = `${folder}.part`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  // the tokens are left out: training packs again
  for (const name of ['battles.jsonl', 'prepared.json']) await cp(join(whole, name), join(temporary, name));
  await writeFile(join(temporary, 'splits.json'), `${JSON.stringify(splits, null, 1)}\n`);
  await rename(temporary, folder);
}
