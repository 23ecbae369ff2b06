/** @file The votes of `--data`: files in any known schema, data sets on the hub, or a prepared folder. */
import type { Battle } from '@arena/data';
import type { CleanPolicy } from '@arena/data/clean';
import type { TrainingSettings } from '@arena/judge';
import type { Cleaning } from '@arena/judge/settings';
import { type LeftOut, streamVotes } from '@arena/judge/votes';
import { type NamedVotes, type OpenVotesOptions, openVotes } from '../hub/votes.js';
import { openPrepared, type Prepared, preparedBattles } from './prepared.js';

/** Battles for training, and what was dropped. */
export interface Dataset extends LeftOut {
  battles: Battle[];
  /** Set for a folder of `arena prepare`: training uses its parts. */
  prepared?: Prepared;
  /** Data sets on the hub with the commits that were read, also by the command that prepared them. */
  hubData: string[];
}

export interface DatasetOptions {
  /** Keep ties. Default false. */
  ties?: boolean;
  /** Keep battles that have a soft label in place of a vote. Default false. */
  softLabels?: boolean;
  /**
   * What happens to other kinds of battles. Default: the policy of `@arena/data`. A prepared folder keeps all its
   * battles.
   */
  clean?: Cleaning;
  /** The caller's names for columns, and values of votes. */
  columns?: TrainingSettings['columns'];
  winnerValues?: TrainingSettings['winnerValues'];
  signal?: AbortSignal;
}

/**
 * Reads files in any known schema, or a prepared folder, and cleans them.
 * @throws Error when nothing is left, or only one side ever wins; a prepared folder together with other files.
 */
export async function loadDataset(
  files: string[],
  { before, ...options }: DatasetOptions & Pick<OpenVotesOptions, 'before'> = {},
): Promise<Dataset> {
  const battles: Battle[] = [];
  const isPrepared = (await preparedBattles(files[0])) !== undefined;
  const read: Battle[] = []; // parts of a prepared folder may name battles that this run drops
  const votes = await openVotes(files, { before, signal: options.signal });
  const leftOut = await readDataset(
    votes,
    {
      seen: (battle) => void (isPrepared && read.push(battle)),
      keep: (battle) => void battles.push(battle),
    },
    options,
  );
  const prepared = isPrepared ? await openPrepared(files[0], battles, read) : undefined;
  return { battles, ...leftOut, prepared, hubData: prepared?.manifest.hubData ?? votes.hubData };
}

/** A prepared folder is cleaned already: drops only the battles that this run cannot use. */
const KEPT: CleanPolicy = {
  bothEmpty: 'keep',
  identical: 'keep',
  duplicate: 'keep',
  swappedDuplicate: 'keep',
  maxChars: Number.POSITIVE_INFINITY,
};

/** Callbacks for the battles of a file, in order. */
export interface BattleSink {
  /** Called for every battle read. */
  seen?: (battle: Battle) => void;
  /** Called for every battle kept. A promise is awaited. */
  keep: (battle: Battle) => Promise<void> | undefined | void;
}

/**
 * The same without holding all votes in memory.
 * @throws Error as `loadDataset`
 */
export async function readDataset(
  { names: files, source }: NamedVotes,
  { seen, keep }: BattleSink,
  { clean, ...options }: DatasetOptions = {},
): Promise<LeftOut> {
  const stored = await Promise.all(files.map(preparedBattles));
  if (files.length > 1 && stored.some((path) => path)) {
    throw new Error(
      `${files.join(', ')}: a prepared folder stands alone; give it as the only --data, or prepare all again`,
    );
  }
  if (stored[0] && clean) {
    throw new Error(`${files[0]}: has been cleaned by arena prepare; give --clean to that command, and not here`);
  }
  if (stored[0] && (options.columns || options.winnerValues)) {
    throw new Error(
      `${files[0]}: arena prepare has named its columns; give --columns and --winner-values to that command`,
    );
  }
  const name = files.join(', ');
  return stored[0]
    ? streamVotes(stored[0], keep, { name, seen, ...options, schema: 'jsonl', clean: KEPT })
    : streamVotes(source, keep, { name, seen, ...options, clean });
}
