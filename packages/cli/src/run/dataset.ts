/** @file Reading and cleaning votes, with what was dropped and why. */
import { type Battle, type CleanReport, cleanBattles, readBattles } from '@arena/data';

/** Battles fit for training, and what was left out on the way. */
export interface Dataset {
  battles: Battle[];
  /** Records that are no battles, by reason. */
  rejected: Record<string, number>;
  clean: CleanReport;
}

/**
 * Reads files in any known schema and cleans them for a two-class head.
 * @throws Error when nothing is left, or only one side ever wins.
 */
export async function loadDataset(files: string[], signal?: AbortSignal): Promise<Dataset> {
  const rejected: Record<string, number> = {};
  const read: Battle[] = [];
  const reject = ({ reason }: { reason: string }) => {
    rejected[reason] = (rejected[reason] ?? 0) + 1;
  };
  for await (const battle of readBattles(files, { reject, signal })) read.push(battle);
  const { battles, report } = cleanBattles(read);
  const place = files.join(', ');
  if (!battles.length) {
    throw new Error(
      `${place}: no battle with a vote is left (${describeDrops({ rejected, clean: report }) || 'the file is empty'})`,
    );
  }
  const winners = new Set(battles.map(({ winner }) => winner));
  if (winners.size < 2) {
    throw new Error(
      `${place}: '${[...winners][0]}' wins all ${battles.length} battles; a model needs votes for both sides to learn from`,
    );
  }
  return { battles, rejected, clean: report };
}

/** "12 ties, 3 without text in both answers": what was left out, by reason. */
export function describeDrops({ rejected, clean }: Pick<Dataset, 'rejected' | 'clean'>): string {
  const dropped = Object.entries(clean.dropped).map(([reason, { count }]) => `${count} ${REASONS[reason] ?? reason}`);
  const unread = Object.entries(rejected).map(([reason, count]) => `${count} unreadable (${reason})`);
  return [...unread, ...dropped].join(', ');
}

const REASONS: Record<string, string> = {
  unlabeled: 'without a vote',
  bothEmpty: 'with both answers empty',
  oneEmpty: 'with one answer empty',
  nullTurn: 'with a null turn',
  identical: 'with identical answers',
  duplicate: 'repeated',
  swappedDuplicate: 'repeated with A and B exchanged',
  tie: 'ties',
};
