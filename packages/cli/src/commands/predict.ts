/** @file `arena predict`: one JSON line {id, probabilityA} a battle. */

import { type Battle, readBattles } from '@arena/data';
import type { RejectedRow } from '@arena/data/read';
import { battleOf } from '@arena/judge/votes';
import type { Command } from 'commander';
import { addEngineOptions, type EngineFlags, openFlagged } from '../flags/engine-option.js';
import { addNamingOptions, type NamingFlags } from '../flags/naming-options.js';
import { ADAPTER, BASE } from '../flags/places.js';
import { rawOption } from '../flags/raw-option.js';
import { openVotes } from '../hub/votes.js';
import { onInterrupt } from '../interrupt.js';
import { answerOf } from '../predict/answer.js';
import { predictionKey, writePredictions } from '../predict/prediction-file.js';
import { progress } from '../progress.js';
import { adapterFolder, loadTrained, readTrained } from '../trained-model.js';

interface PredictFlags extends EngineFlags, NamingFlags {
  base: string;
  adapter?: string;
  data?: string[];
  prompt?: string;
  a?: string;
  b?: string;
  bothOrders: boolean;
  raw: boolean;
  out?: string;
}

/** Battles scored together: enough to sort by length, few enough for memory. */
const WINDOW = 1024;

export function define(command: Command): void {
  command
    .requiredOption('--base <dir|hub-id>', BASE)
    .option('--adapter <dir>', `${ADAPTER}; none for a base that arena merge wrote`)
    .option(
      '--data <file...>',
      'battles, with or without votes: files, or a data set on the hub (owner/name:split@revision)',
    )
    .option('--prompt <text>', 'a single battle: its prompt')
    .option('--a <text>', 'a single battle: answer A')
    .option('--b <text>', 'a single battle: answer B')
    .option('--out <file>', 'write the lines there instead; a stopped run resumes')
    .option('--both-orders', 'average over both orders of the answers', false);
  addEngineOptions(addNamingOptions(command.addOption(rawOption()))).action((flags: PredictFlags) => predict(flags));
}

async function predict({ base, adapter, bothOrders, raw, out, ...flags }: PredictFlags): Promise<void> {
  const signal = onInterrupt();
  if (out && !flags.data) throw new Error('--out needs --data');
  const battles = await battlesOf(flags);
  const engine = await openFlagged(flags);
  try {
    const judge = await loadTrained(await readTrained(base, adapter), raw, signal);
    try {
      const lines = async (some: Battle[]) => {
        const predictions = await judge.predictMany(some, { swap: bothOrders, raw, signal });
        return predictions.map((one) => {
          const { id, probabilities, rewards } = one;
          return JSON.stringify({ id, ...answerOf(one), probabilities, rewards });
        });
      };
      const bar = progress({ label: 'scored', total: battles.count, unit: 'battles' });
      if (out) {
        const key = await predictionKey(
          adapter ? await adapterFolder(adapter) : base,
          base,
          bothOrders,
          engine.name,
          ...(raw ? ['raw'] : []),
        );
        await writePredictions(out, key, battles.read(), lines, {
          window: WINDOW,
          onProgress: (done) => bar.update(done),
        });
      } else {
        let waiting: Battle[] = [];
        let done = 0;
        const flush = async () => {
          for (const line of await lines(waiting)) process.stdout.write(`${line}\n`);
          done += waiting.length;
          waiting = [];
          if (battles.count > WINDOW) bar.update(done);
        };
        for await (const battle of battles.read()) if (waiting.push(battle) >= WINDOW) await flush();
        if (waiting.length) await flush();
      }
      bar.finish();
    } finally {
      await judge.dispose();
    }
  } finally {
    engine.dispose();
  }
}

/** Battles that can be read more than once. Only one window of them is in memory. */
interface BattleList {
  count: number;
  read(): AsyncIterable<Battle>;
}

async function battlesOf({
  data,
  prompt,
  a,
  b,
  columns,
  winnerValues,
}: Pick<PredictFlags, 'data' | 'prompt' | 'a' | 'b' | keyof NamingFlags>): Promise<BattleList> {
  const single = [prompt, a, b];
  if (data && single.some((text) => text !== undefined)) {
    throw new Error('give either --data or --prompt, --a and --b, not both');
  }
  if (!data) {
    if (prompt === undefined || a === undefined || b === undefined) {
      throw new Error('--data FILE, or all of --prompt, --a and --b, are needed');
    }
    const battle = battleOf({ prompt, responseA: a, responseB: b });
    return {
      count: 1,
      async *read() {
        yield battle;
      },
    };
  }
  let count = 0;
  const rejected: RejectedRow[] = [];
  const passedBy = (file: string, reason: string) =>
    void process.stderr.write(`arena predict: ${file} was passed over: ${reason}\n`);
  const { source } = await openVotes(data, { signal: onInterrupt() });
  for await (const _ of readBattles(source, { columns, winnerValues, passedBy, reject: (row) => rejected.push(row) }))
    count++;
  if (rejected.length) {
    const [{ file, row, detail }] = rejected;
    process.stderr.write(
      `arena predict: ${rejected.length} records are no battles and were passed over; row ${row} of ${file}, for one: ${detail}\n`,
    );
  }
  if (!count) throw new Error(`${data.join(', ')}: there is no battle in it`);
  return { count, read: () => readBattles(source, { columns, winnerValues }) };
}
