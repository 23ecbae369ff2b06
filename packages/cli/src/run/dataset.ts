/** @file Reading and cleaning votes, with what was dropped and why. */
import { type Battle, type CleanReport, cleanBattles, type RejectedRow, readBattles } from '@arena/data';
import { openPrepared, type Prepared, preparedBattles } from './prepared.js';

/** Battles fit for training, and what was left out on the way. */
export interface Dataset {
  battles: Battle[];
  /** What was read, before cleaning. */
  read: Battle[];
  /** Records that are no battles, by reason, and the first of them. */
  rejected: Record<string, number>;
  rejectedExamples: RejectedRow[];
  clean: CleanReport;
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
  signal?: AbortSignal;
}

/**
 * Reads files in any known schema, or a prepared folder, and cleans them.
 * @throws Error when nothing is left, or only one side ever wins; a prepared folder together with other files.
 */
export async function loadDataset(
  files: string[],
  { ties = false, softLabels = false, signal }: DatasetOptions = {},
): Promise<Dataset> {
  const rejected: Record<string, number> = {};
  const rejectedExamples: RejectedRow[] = [];
  const read: Battle[] = [];
  const reject = (row: RejectedRow) => {
    rejected[row.reason] = (rejected[row.reason] ?? 0) + 1;
    if (rejectedExamples.length < REJECTED_EXAMPLES) rejectedExamples.push(row);
  };
  const stored = await Promise.all(files.map(preparedBattles));
  if (files.length > 1 && stored.some((path) => path)) {
    throw new Error(
      `${files.join(', ')}: a prepared folder stands alone; give it as the only --data, or prepare all anew`,
    );
  }
  const source = stored[0] ?? files;
  const schema = stored[0] ? 'jsonl' : undefined;
  for await (const battle of readBattles(source, { reject, signal, schema })) read.push(battle);
  const votes = softLabels ? read : read.map((one) => (one.winner ? one : { ...one, softLabel: undefined }));
  const { battles, report } = cleanBattles(votes, { ties: ties ? 'keep' : 'drop' });
  const place = files.join(', ');
  if (!battles.length) {
    throw new Error(
      `${place}: no battle with a vote is left (${describeDrops({ rejected, clean: report }) || 'the file is empty'})`,
    );
  }
  const winners = new Set(battles.map(({ winner }) => winner));
  if (winners.size < 2 && !winners.has(null)) {
    throw new Error(
      `${place}: '${[...winners][0]}' wins all ${battles.length} battles; a model needs votes for both sides to learn from`,
    );
  }
  const prepared = stored[0] ? await openPrepared(files[0], battles, read) : undefined;
  return { battles, read, rejected, rejectedExamples, clean: report, prepared };
}

/** "12 ties, 3 without text in both answers": what was left out, by reason. */
export function describeDrops({ rejected, clean }: Pick<Dataset, 'rejected' | 'clean'>): string {
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
