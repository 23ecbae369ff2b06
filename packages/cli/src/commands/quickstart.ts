/**
 * @file `arena quickstart`: prepares, trains and evaluates on synthetic votes and a tiny random base, in about a
 * minute.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type Battle, syntheticBattles } from '@arena/data';
import { syntheticCeiling } from '@arena/data/describe';
import { replaceFile } from '@arena/files/write';
import { DEFAULT_SETTINGS, type TrainingSettings } from '@arena/judge';
import type { Command } from 'commander';
import { integer } from '../flags/arguments.js';
import { addEngineOptions, type EngineFlags, engineInWords, openFlagged } from '../flags/engine-option.js';
import { onInterrupt } from '../interrupt.js';
import { withOutput } from '../output-folder.js';
import { duration } from '../progress.js';
import { writeTinyBase } from '../tiny-base.js';
import { runTraining } from '../train/training.js';

const BATTLES = 2000;
const NOISE = 0.1;

const { seed: _, ...STANDARD } = DEFAULT_SETTINGS; // a flag of the quickstart sets it

/** Settings that learn the planted rule on a tiny random base. docs/decisions has the measurements. */
const QUICKSTART_SETTINGS: Omit<TrainingSettings, 'base' | 'data' | 'seed'> = {
  ...STANDARD,
  maxTokens: 384,
  frame: 'compact',
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  firstLayer: 1,
  learningRate: 2e-3,
  warmup: 0.05,
};

interface QuickstartFlags extends EngineFlags {
  out?: string;
  seed: number;
}

export function define(command: Command): void {
  command
    .option('--out <dir>', 'new or empty folder (default quickstart-run, or the next free quickstart-run-N)')
    .option('--seed <n>', 'seed of everything', integer(0, 2 ** 31), DEFAULT_SETTINGS.seed);
  addEngineOptions(command).action(({ out = freeFolder('quickstart-run'), ...flags }: QuickstartFlags) =>
    withOutput(out, () => quickstart({ ...flags, out })),
  );
}

async function quickstart({ out, seed, ...engineFlags }: QuickstartFlags & { out: string }): Promise<void> {
  const start = Date.now();
  const engine = await openFlagged(engineFlags);
  const say = (line: string) => console.log(line);
  say('Both the votes and the model of this run are synthetic: they show that everything works, not how well.');
  say(
    `votes: ${BATTLES.toLocaleString('en')} made-up battles of a careful against a careless answer. People "prefer" the careful ` +
      `one, ${100 * NOISE} % of the votes are flipped: no judge can expect more than ${syntheticCeiling(NOISE).toFixed(2)}.`,
  );
  say('model: a small Gemma 2 of random weights, written in Hugging Face format.');
  const computedOn = engineInWords(engine);
  say(`engine ${computedOn}; results in ${out}/`);
  try {
    const battles = syntheticBattles({ count: BATTLES, seed, noise: NOISE });
    const base = `${out}/base`;
    const data = `${out}/battles.jsonl`;
    await mkdir(base, { recursive: true });
    await replaceFile(data, battles.map((battle) => `${JSON.stringify(toRow(battle))}\n`).join(''));
    await writeTinyBase(base, battles, { seed });
    const settings: TrainingSettings = { ...QUICKSTART_SETTINGS, base, data: [data], seed };
    const title = 'Quickstart: synthetic votes, a tiny base of random weights';
    const { table } = await runTraining({
      settings,
      computedOn,
      out,
      resume: false,
      title,
      say,
      signal: onInterrupt(),
    });
    say(`\n${table}\n`);
    say(
      `ceiling of these votes: ${syntheticCeiling(NOISE).toFixed(2)}. ${duration((Date.now() - start) / 1000)} in all.`,
    );
    say(NEXT_STEPS.replaceAll('{out}', out));
  } finally {
    engine.dispose();
  }
}

const NEXT_STEPS = `
open {out}/report.html for the whole report; {out}/adapter is a PEFT adapter.
next, with your own votes and the real base:
  1. put votes into a file (WSDM or LMSYS competition files, arena sets, or jsonl with prompt, response_a, response_b, winner)
  2. download google/gemma-2-2b (accept its licence on Hugging Face first) into a folder
  3. arena train --base gemma-2-2b --data votes.parquet --out my-run`;

/** A battle as a line of the plain jsonl schema. */
function toRow({ id, prompt, responseA, responseB, winner, modelA, modelB, language }: Battle) {
  const label = winner === 'tie' ? 'tie' : winner === null ? null : `model_${winner}`;
  const texts = { prompt: prompt[0], response_a: responseA[0], response_b: responseB[0] };
  return { id, ...texts, winner: label, model_a: modelA, model_b: modelB, language };
}

function freeFolder(name: string): string {
  if (!existsSync(name)) return name;
  for (let i = 2; ; i++) if (!existsSync(`${name}-${i}`)) return `${name}-${i}`;
}
