/** @file Reads, cleans and splits votes, and reports what was dropped and why. */
import {
  type Battle,
  type BattleSource,
  type CleanReport,
  readBattles,
  type SplitName,
  type Splits,
  splitBattles,
} from '@arena/data';
import { type CleanPolicy, cleaner } from '@arena/data/clean';
import type { NonText, RejectedRow, Schema, WinnerValues } from '@arena/data/read';
import { JudgeError } from './error.js';
import type { Objective } from './objectives/objective.js';
import type { TrainingSettings } from './settings.js';

/** What happens to battles that may teach the wrong thing. Default: the policy of `@arena/data`. */
export interface Cleaning extends Omit<CleanPolicy, 'ties'> {
  /** Messages with images or tool calls: rejected, or reduced to their text. */
  nonText?: NonText;
  /** Rejected records are skipped, or end the run. */
  unreadable?: 'skip' | 'stop';
}

/** What was dropped between files and battles. */
export interface LeftOut {
  /** Rejected records by reason, and the first of them. */
  rejected: Record<string, number>;
  rejectedExamples: RejectedRow[];
  clean: CleanReport;
  /** Files of a folder that hold no votes. */
  passedBy?: string[];
}

/** Options for reading and cleaning votes. */
export interface ReadVotesOptions {
  /** Name of the votes in messages. */
  name: string;
  /** Keep ties. Default false. */
  ties?: boolean;
  /** Keep battles that have a soft label in place of a vote. Default false. */
  softLabels?: boolean;
  clean?: Cleaning;
  /** The schema of the files, if known. */
  schema?: Schema;
  /** The caller's names for columns. */
  columns?: TrainingSettings['columns'];
  /** The values that stand for A, B and a tie. */
  winnerValues?: WinnerValues;
  /** Called with every battle read, before cleaning. */
  seen?: (battle: Battle) => void;
  signal?: AbortSignal;
}

/** Most rejected records to keep with their place. */
const REJECTED_EXAMPLES = 10;

/**
 * Reads votes in any known schema and cleans them, without holding all of them.
 * @param keep Called with every battle kept, in the order of the files. A promise is awaited.
 * @throws JudgeError when nothing is left, or only one side ever wins; at a rejected record when `clean.unreadable` is
 * `stop`.
 */
export async function streamVotes(
  source: BattleSource,
  keep: (battle: Battle) => Promise<void> | undefined | void,
  { name, ties = false, softLabels = false, clean: cleaning = {}, seen, signal, ...reading }: ReadVotesOptions,
): Promise<LeftOut> {
  const { nonText, unreadable, ...policy } = cleaning;
  const rejected: Record<string, number> = {};
  const rejectedExamples: RejectedRow[] = [];
  const reject = (row: RejectedRow) => {
    if (unreadable === 'stop') {
      throw new JudgeError(
        'votes',
        `${row.file}, row ${row.row}: no battle (${row.reason}: ${row.detail}); \`clean\` unreadable=skip skips it`,
      );
    }
    const isFirst = !rejected[row.reason];
    rejected[row.reason] = (rejected[row.reason] ?? 0) + 1;
    if (isFirst || rejectedExamples.length < REJECTED_EXAMPLES) rejectedExamples.push(row);
  };
  const { clean, report } = cleaner({ ...policy, ties: ties ? 'keep' : 'drop' });
  const winners = new Set<Battle['winner']>();
  const passedBy: string[] = [];
  const pass = (file: string) => void passedBy.push(file);
  for await (const battle of readBattles(source, { ...reading, reject, passedBy: pass, signal, nonText })) {
    seen?.(battle);
    const kept = clean(softLabels || battle.winner ? battle : { ...battle, softLabel: undefined });
    if (!kept) continue;
    winners.add(kept.winner);
    const wait = keep(kept);
    if (wait) await wait;
  }
  if (!report.kept) {
    throw new JudgeError(
      'votes',
      `${name}: no battle with a vote is left (${describeDrops({ rejected, rejectedExamples, clean: report }) || 'the file is empty'})${adviceOf(rejectedExamples)}`,
    );
  }
  if (winners.size < 2 && !winners.has(null)) {
    throw new JudgeError(
      'votes',
      `${name}: '${[...winners][0]}' wins all ${report.kept} battles; a model needs votes for both sides to learn from`,
    );
  }
  return { rejected, rejectedExamples, clean: report, passedBy };
}

/** "; nothing says which answer that is: ...": what to do with the first rejected record. */
function adviceOf([first]: RejectedRow[]): string {
  return first?.detail.includes('; ') ? first.detail.slice(first.detail.indexOf('; ')) : '';
}

/**
 * The same, holding all votes: files, addresses, Blobs or bytes.
 * @throws JudgeError as {@link streamVotes}.
 * @example
 * const { battles, clean } = await readVotes('votes.parquet', { name: 'votes.parquet' });
 */
export async function readVotes(
  source: BattleSource,
  options: ReadVotesOptions,
): Promise<LeftOut & { battles: Battle[] }> {
  const battles: Battle[] = [];
  const leftOut = await streamVotes(source, (battle) => void battles.push(battle), options);
  return { battles, ...leftOut };
}

/** "12 ties, 3 unreadable (bad_winner, row 7 first: winner is 1)": the dropped battles, by reason. */
export function describeDrops({
  rejected,
  rejectedExamples,
  clean,
  passedBy = [],
}: Pick<LeftOut, 'rejected' | 'rejectedExamples' | 'clean' | 'passedBy'>): string {
  const dropped = Object.entries(clean.dropped).map(
    ([reason, { count }]) => `${count} ${DROP_REASONS[reason] ?? reason}`,
  );
  const unread = Object.entries(rejected).map(([reason, count]) => {
    const first = rejectedExamples.find((row) => row.reason === reason);
    const met = first ? `, row ${first.row} first: ${first.detail.split('; ')[0]}` : '';
    return `${count} unreadable (${reason}${met})`;
  });
  const files = passedBy.map((file) => `the file ${file}, which holds no votes`);
  return [...unread, ...dropped, ...files].join(', ');
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

/** The parts of a set of votes. */
export type VoteParts = Record<SplitName, Battle[]>;

/**
 * Splits votes by prompt, 70 : 10 : 20.
 * @throws JudgeError when the part to train on, or the one to test with, is empty.
 */
export function splitVotes(battles: Battle[], { seed }: Pick<TrainingSettings, 'seed'>): Splits {
  const splits = splitBattles(battles, { seed });
  for (const part of ['train', 'test'] as const) {
    if (splits[part].length) continue;
    throw new JudgeError(
      'votes',
      `the ${part} part is empty: ${battles.length} battles in ${splits.report.groups} groups are too few`,
    );
  }
  return splits;
}

/**
 * Checks that votes have the labels that the settings need.
 * @throws JudgeError when they lack ties or soft labels.
 */
export function checkLabels(
  battles: Battle[],
  { data, softLabels }: Pick<TrainingSettings, 'data' | 'softLabels'>,
  { knowsTies }: Pick<Objective, 'knowsTies'>,
): void {
  const place = data.join(', ');
  if (knowsTies && !battles.some(({ winner, softLabel }) => winner === 'tie' || softLabel?.[2])) {
    throw new JudgeError(
      'votes',
      `${place}: there is no tie to learn from; \`classes\` 3 needs them (arena prepare --ties keep)`,
    );
  }
  if (softLabels > 0 && !battles.some(({ softLabel }) => softLabel)) {
    throw new JudgeError(
      'votes',
      `${place}: no battle has a soft_label or teacher_logits column that \`softLabels\` could use`,
    );
  }
}
