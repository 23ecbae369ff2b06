/** @file Votes: read, cleaned, described and split. */
import { type Battle, type BattleSource, cleanBattles, readBattles, type Splits, syntheticBattles } from '@arena/data';
import { describeBattles, syntheticCeiling } from '@arena/data/describe';
import { battleToRecord } from '@arena/data/read';
import { scriptOf } from '@arena/eval/report';
import { DEFAULT_SETTINGS } from '@arena/judge';
import { type LeftOut, splitVotes, streamVotes } from '@arena/judge/votes';
import type { Dropped, TableStart, VotesChoice, VotesInfo } from '../protocol.js';
import { hubSetId } from './hub-name.js';
import { asksForNames, tableStart } from './table-start.js';

export interface Votes {
  info: VotesInfo;
  battles: Battle[];
  splits: Splits;
}

/** As `arena quickstart` draws them. */
const SYNTHETIC_COUNT = 2000;
/** Largest files that are read, all together: they are held in memory. */
const MAX_BYTES = 2_000_000_000;
/** Battles between two looks at what the page asks meanwhile. */
const BREATH = 500;

/** What hears of the reading, and ends it. */
interface Reading {
  onRow: (rows: number) => void;
  onNote: (text: string) => void;
  signal: AbortSignal;
}

/** Reads what a person chose or dropped, or makes votes up. Gives the start of a table that nobody knows the names of. */
export async function loadVotes(choice: VotesChoice, reading: Reading): Promise<Votes | { unnamed: TableStart }> {
  const { files, hub, naming, seed = 42 } = choice;
  if (!files && !hub) {
    const { battles, report } = cleanBattles(syntheticBattles({ count: SYNTHETIC_COUNT, seed }));
    return finish(MADE_UP, battles, droppedBy({ rejected: {}, rejectedExamples: [], clean: report }));
  }
  const { name, source } = hub ? await fromHub(hub, reading) : fromFiles(files!);
  const { onRow, signal } = reading;
  const battles: Battle[] = [];
  async function rest(): Promise<void> {
    onRow(battles.length);
    await breath();
    signal.throwIfAborted();
  }
  try {
    const keep = (battle: Battle) => (battles.push(battle) % BREATH ? undefined : rest());
    const leftOut = await streamVotes(source, keep, { ...naming, name, signal });
    return finish(name, battles, droppedBy(leftOut));
  } catch (error) {
    if (battles.length || !asksForNames(error)) throw error;
    const unnamed = await tableStart(source, (error as Error).message);
    if (!unnamed) throw error;
    return { unnamed };
  }
}

/** The start of the table that a choice is of. */
export async function peekVotes(
  { files, hub }: VotesChoice,
  reading: Pick<Reading, 'onNote' | 'signal'>,
): Promise<TableStart | undefined> {
  return tableStart((hub ? await fromHub(hub, reading) : fromFiles(files ?? [])).source, '');
}

function fromFiles(files: File[]): { name: string; source: BattleSource } {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_BYTES) throw new Error(`these files have ${Math.round(bytes / 1e6)} MB; 2,000 MB can be taken here`);
  return { name: files.map((file) => file.name).join(', '), source: files };
}

async function fromHub(
  { id, token }: { id: string; token?: string },
  { onNote, signal }: Pick<Reading, 'onNote' | 'signal'>,
) {
  const { openHubSet } = await import('./hub-set.js');
  const set = await openHubSet(hubSetId(id), { token, signal });
  onNote(set.note);
  return { name: set.name, source: set.files };
}

/** What the made-up votes are called. */
const MADE_UP = 'made-up votes';

/** Lets a message come in: reading is one long task otherwise. */
function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** What was left out, by reason, with the first rows of each. */
function droppedBy({ rejected, rejectedExamples, clean, passedBy = [] }: LeftOut): Dropped[] {
  const unread = Object.entries(rejected).map(([reason, count]) => {
    const met = rejectedExamples.filter((row) => row.reason === reason);
    return { reason, count, examples: met.map(({ row, detail }) => ({ row, text: detail })) };
  });
  const dropped = Object.entries(clean.dropped).map(([reason, { count, examples }]) => ({
    reason,
    count,
    examples: examples.map(({ row, prompt }) => ({ row, text: prompt })),
  }));
  const passed = passedBy.map((file) => ({ reason: `${file}: holds no votes`, count: 1, examples: [] }));
  return [...unread, ...dropped, ...passed];
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

function finish(name: string, battles: Battle[], dropped: Dropped[]): Votes {
  const splits = splitVotes(battles, DEFAULT_SETTINGS);
  const { train, validation, test } = splits;
  const parts = { train: train.length, validation: validation.length, test: test.length };
  const ceiling = name === MADE_UP ? syntheticCeiling() : undefined;
  const info = { name, ceiling, description: describeBattles(battles, { detectLanguage: scriptOf }), dropped, parts };
  return { info, battles, splits };
}
