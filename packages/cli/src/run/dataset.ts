/** @file Reading and cleaning votes, with what was dropped and why. */
import { type Battle, type CleanPolicy, type CleanReport, cleaner, type RejectedRow, readBattles } from '@arena/data';
import type { Cleaning } from '../clean-option.js';
import { openPrepared, type Prepared, preparedBattles } from './prepared.js';

/** What was left out on the way from files to battles. */
export interface LeftOut {
  /** Records that are no battles, by reason, and the first of them. */
  rejected: Record<string, number>;
  rejectedExamples: RejectedRow[];
  clean: CleanReport;
}

/** Battles fit for training, and what was left out on the way. */
export interface Dataset extends LeftOut {
  battles: Battle[];
  /** Set when the data is a folder that `arena prepare` wrote: its parts are then to be used. */
  prepared?: Prepared;
}

/** Rejected records whose place is kept. */
const REJECTED_EXAMPLES = 10;

export interface DatasetOptions {
  /** Keep ties. Default false. */
  ties?: boolean;
  /** Keep battles that have a soft label in place of a vote. Default false. */
  softLabels?: boolean;
  /** What happens to other kinds of battles. Default as `@arena/data` has it; a prepared folder keeps what it holds. */
  clean?: Cleaning;
  signal?: AbortSignal;
}

/**
 * Reads files in any known schema, or a prepared folder, and cleans them.
 * @throws Error when nothing is left, or only one side ever wins; a prepared folder together with other files.
 */
export async function loadDataset(files: string[], options: DatasetOptions = {}): Promise<Dataset> {
  const battles: Battle[] = [];
  const isPrepared = (await preparedBattles(files[0])) !== undefined;
  const read: Battle[] = []; // of a prepared folder: its parts name battles that this run may leave out
  const leftOut = await readDataset(
    files,
    {
      seen: (battle) => void (isPrepared && read.push(battle)),
      keep: (battle) => void battles.push(battle),
    },
    options,
  );
  const prepared = isPrepared ? await openPrepared(files[0], battles, read) : undefined;
  return { battles, ...leftOut, prepared };
}

/** What a prepared folder holds has been cleaned, as its maker chose: only what this run cannot use is left out of it. */
const KEPT: CleanPolicy = {
  bothEmpty: 'keep',
  identical: 'keep',
  duplicate: 'keep',
  swappedDuplicate: 'keep',
  maxChars: Number.POSITIVE_INFINITY,
};

/** Who is told of the battles of a file, in its order. */
export interface BattleSink {
  /** Of every battle that is read. */
  seen?: (battle: Battle) => void;
  /** Of every battle that is left; a promise is waited for. */
  keep: (battle: Battle) => Promise<void> | undefined | void;
}

/**
 * The same for votes that are not to be held all at once.
 * @throws Error as `loadDataset`
 */
export async function readDataset(
  files: string[],
  { seen, keep }: BattleSink,
  { ties = false, softLabels = false, clean: cleaning, signal }: DatasetOptions = {},
): Promise<LeftOut> {
  const { nonText, unreadable, ...policy } = cleaning ?? {};
  const rejected: Record<string, number> = {};
  const rejectedExamples: RejectedRow[] = [];
  const reject = (row: RejectedRow) => {
    if (unreadable === 'stop') {
      throw new Error(
        `${row.file}, row ${row.row}: no battle (${row.reason}); --clean unreadable=skip goes on without it`,
      );
    }
    rejected[row.reason] = (rejected[row.reason] ?? 0) + 1;
    if (rejectedExamples.length < REJECTED_EXAMPLES) rejectedExamples.push(row);
  };
  const stored = await Promise.all(files.map(preparedBattles));
  if (files.length > 1 && stored.some((path) => path)) {
    throw new Error(
      `${files.join(', ')}: a prepared folder stands alone; give it as the only --data, or prepare all anew`,
    );
  }
  if (stored[0] && cleaning) {
    throw new Error(`${files[0]}: has been cleaned by arena prepare; give --clean to that command, and not here`);
  }
  const source = stored[0] ?? files;
  const schema = stored[0] ? 'jsonl' : undefined;
  const { clean, report } = cleaner({ ...(stored[0] && KEPT), ...policy, ties: ties ? 'keep' : 'drop' });
  const winners = new Set<Battle['winner']>();
  for await (const battle of readBattles(source, { reject, signal, schema, nonText })) {
    seen?.(battle);
    const kept = clean(softLabels || battle.winner ? battle : { ...battle, softLabel: undefined });
    if (!kept) continue;
    winners.add(kept.winner);
    const wait = keep(kept);
    if (wait) await wait;
  }
  const place = files.join(', ');
  if (!report.kept) {
    throw new Error(
      `${place}: no battle with a vote is left (${describeDrops({ rejected, clean: report }) || 'the file is empty'})`,
    );
  }
  if (winners.size < 2 && !winners.has(null)) {
    throw new Error(
      `${place}: '${[...winners][0]}' wins all ${report.kept} battles; a model needs votes for both sides to learn from`,
    );
  }
  return { rejected, rejectedExamples, clean: report };
}

/** "12 ties, 3 without text in both answers": what was left out, by reason. */
export function describeDrops({ rejected, clean }: Pick<LeftOut, 'rejected' | 'clean'>): string {
  const dropped = Object.entries(clean.dropped).map(
    ([reason, { count }]) => `${count} ${DROP_REASONS[reason] ?? reason}`,
  );
  const unread = Object.entries(rejected).map(([reason, count]) => `${count} unreadable (${reason})`);
  return [...unread, ...dropped].join(', ');
}

/** Reasons of cleaning in words that follow a count. */
export const DROP_REASONS: Record<string, string> = {
  unlabeled: 'without a vote',
  bothEmpty: 'with both answers empty',
  oneEmpty: 'with one answer empty',
  nullTurn: 'with a null turn',
  identical: 'with identical answers',
  duplicate: 'repeated',
  swappedDuplicate: 'repeated with A and B exchanged',
  tie: 'ties',
};
