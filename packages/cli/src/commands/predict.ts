/** @file `arena predict`: one JSON line {id, probabilityA} a battle. */

import { type Battle, readBattles } from '@arena/data';
import type { Command } from 'commander';
import { addEngineOptions, type EngineFlags, openFlagged } from '../engine-option.js';
import { onInterrupt } from '../interrupt.js';
import { scoreBattles } from '../run/scoring.js';
import { openTrained } from '../run/trained-model.js';

interface PredictFlags extends EngineFlags {
  base: string;
  adapter: string;
  data?: string[];
  prompt?: string;
  a?: string;
  b?: string;
  bothOrders: boolean;
}

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('print the probability that A is preferred, one JSON line a battle')
    .requiredOption('--base <dir>', 'base checkpoint folder')
    .requiredOption('--adapter <dir>', 'adapter folder')
    .option('--data <file...>', 'battles, with or without votes')
    .option('--prompt <text>', 'a single battle: its prompt')
    .option('--a <text>', 'a single battle: answer A')
    .option('--b <text>', 'a single battle: answer B')
    .option('--both-orders', 'average over both orders of the answers', false);
  addEngineOptions(command).action((flags: PredictFlags) => predict(flags));
}

async function predict({ base, adapter, bothOrders, ...flags }: PredictFlags): Promise<void> {
  const signal = onInterrupt();
  const battles = await battlesOf(flags);
  const engine = await openFlagged(flags);
  try {
    const { model, tokenizer, pack } = await openTrained(base, adapter, signal);
    const predictions = await scoreBattles(model, battles, tokenizer, pack, { swap: bothOrders, signal });
    await model.dispose();
    for (const { id, probabilityA, probabilityASwapped } of predictions) {
      const both = typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
      process.stdout.write(`${JSON.stringify({ id, probabilityA: both })}\n`);
    }
  } finally {
    engine.dispose();
  }
}

async function battlesOf({ data, prompt, a, b }: Pick<PredictFlags, 'data' | 'prompt' | 'a' | 'b'>): Promise<Battle[]> {
  const single = [prompt, a, b];
  if (data && single.some((text) => text !== undefined)) {
    throw new Error('give either --data or --prompt, --a and --b, not both');
  }
  if (!data) {
    if (prompt === undefined || a === undefined || b === undefined) {
      throw new Error('--data FILE, or all of --prompt, --a and --b, are needed');
    }
    return [{ id: '0', row: 0, prompt: [prompt], responseA: [a], responseB: [b], winner: null, flags: [] }];
  }
  const battles: Battle[] = [];
  let rejected = 0;
  for await (const battle of readBattles(data, { reject: () => rejected++ })) battles.push(battle);
  if (rejected) process.stderr.write(`arena predict: ${rejected} records are no battles and were passed over\n`);
  if (!battles.length) throw new Error(`${data.join(', ')}: there is no battle in it`);
  return battles;
}
