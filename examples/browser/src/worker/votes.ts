/** @file Votes: read, cleaned, described and split. */
import { type Battle, cleanBattles, readBattles, type Splits, syntheticBattles } from '@arena/data';
import { describeBattles, syntheticCeiling } from '@arena/data/describe';
import { battleToRecord, type RejectedRow } from '@arena/data/read';
import { scriptOf } from '@arena/eval/report';
import { DEFAULT_SETTINGS } from '@arena/judge';
import { namesFromText } from '@arena/judge/settings';
import { splitVotes } from '@arena/judge/votes';
import type { VotesChoice, VotesInfo } from '../protocol.js';

export interface Votes {
  info: VotesInfo;
  battles: Battle[];
  splits: Splits;
}

/** As `arena quickstart` draws them. */
const SYNTHETIC_COUNT = 2000;
/** Largest files that are read, all together: they are held in memory. */
const MAX_BYTES = 2_000_000_000;

/** Reads what a person chose or dropped, or makes votes up. */
export async function loadVotes(
  { files, columns, winnerValues, seed = 42 }: VotesChoice,
  onRow: (rows: number) => void,
  signal: AbortSignal,
): Promise<Votes> {
  const read: Battle[] = [];
  const rejected: RejectedRow[] = [];
  if (files) {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_BYTES)
      throw new Error(`these files have ${Math.round(bytes / 1e6)} MB; 2,000 MB can be taken here`);
    const naming = {
      columns: columns ? namesFromText('columns', columns) : undefined,
      winnerValues: winnerValues ? namesFromText('winnerValues', winnerValues) : undefined,
    };
    for await (const battle of readBattles(files, { ...naming, reject: (row) => rejected.push(row) })) {
      read.push(battle);
      if (read.length % 500 > 0) continue;
      onRow(read.length);
      await breath();
      signal.throwIfAborted();
    }
  } else read.push(...syntheticBattles({ count: SYNTHETIC_COUNT, seed }));
  const { battles, report } = cleanBattles(read);
  if (!battles.length) {
    const met = rejected.length ? `; row ${rejected[0].row} first: ${rejected[0].detail}` : '';
    throw new Error(
      `no battle with a vote is in these files (${read.length} battles, ${rejected.length} unreadable records${met})`,
    );
  }
  const name = files ? files.map((file) => file.name).join(', ') : MADE_UP;
  const dropped = Object.entries(report.dropped).map(([reason, { count }]) => ({ reason, count }));
  if (rejected.length) {
    const [{ row, detail }] = rejected;
    dropped.push({ reason: `unreadable (row ${row} first: ${detail})`, count: rejected.length });
  }
  return finish(name, battles, dropped);
}

/** What the made-up votes are called. */
const MADE_UP = 'made-up votes';

/** Lets a message come in: reading is one long task otherwise. */
function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Votes that were kept by {@link votesToText}. */
export async function restoreVotes(name: string, text: string): Promise<Votes> {
  const battles: Battle[] = [];
  for await (const battle of readBattles(new Blob([text]))) battles.push(battle);
  return finish(name, battles, []);
}

/** Battles as lines of JSON. */
export function votesToText({ battles }: Votes): string {
  return battles.map((battle) => `${JSON.stringify(battleToRecord(battle))}\n`).join('');
}

function finish(name: string, battles: Battle[], dropped: VotesInfo['dropped']): Votes {
  const splits = splitVotes(battles, DEFAULT_SETTINGS);
  const { train, validation, test } = splits;
  const parts = { train: train.length, validation: validation.length, test: test.length };
  const ceiling = name === MADE_UP ? syntheticCeiling() : undefined;
  const info = { name, ceiling, description: describeBattles(battles, { detectLanguage: scriptOf }), dropped, parts };
  return { info, battles, splits };
}
