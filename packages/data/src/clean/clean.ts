/** @file Drops, keeps or repairs battles that would teach the wrong thing, and counts them by reason. */

import type { Battle, Winner } from '../battle.js';
import { textKeys } from '../duplicates.js';
import { capText, isBlank, sameTurns } from '../text.js';

/** What to do with each kind of battle. */
export interface CleanPolicy {
  /** No label. Default drop. */
  unlabeled?: 'drop' | 'keep';
  /** Both answers blank. Default drop. */
  bothEmpty?: 'drop' | 'keep';
  /** One answer blank. Default keep: people rightly prefer the other. */
  oneEmpty?: 'drop' | 'keep';
  /** Some turn was null in the file. Default keep. */
  nullTurn?: 'drop' | 'keep';
  /** Both answers the same. Default drop. */
  identical?: 'drop' | 'keep';
  /** Same prompt and answers as an earlier kept battle. Default drop. */
  duplicate?: 'drop' | 'keep';
  /** The same with A and B exchanged. Default drop. */
  swappedDuplicate?: 'drop' | 'keep';
  /** Default drop, for two classes; keep for three; soft gives the soft label [0.5, 0.5]. */
  ties?: 'drop' | 'keep' | 'soft';
  /** Longest turn in UTF-16 code units; longer ones are cut there. Default 200,000. */
  maxChars?: number;
}

/** Why a battle was dropped. */
export type CleanReason =
  | 'unlabeled'
  | 'bothEmpty'
  | 'oneEmpty'
  | 'nullTurn'
  | 'identical'
  | 'duplicate'
  | 'swappedDuplicate'
  | 'tie';

/** A battle in a report, with the start of its texts. */
export interface BattleExcerpt {
  id: string;
  row: number;
  prompt: string;
  responseA: string;
  responseB: string;
}

/** Number of battles, and the first few of them. */
export interface CleanCount {
  count: number;
  examples: BattleExcerpt[];
}

/** The result of `cleanBattles`. */
export interface CleanReport {
  read: number;
  kept: number;
  dropped: Partial<Record<CleanReason, CleanCount>>;
  changed: Partial<Record<'capped' | 'softTie', CleanCount>>;
  /** Duplicates whose label disagrees with the earlier battle's: a bound on how sure labels are. */
  conflictingLabels: number;
}

const EXAMPLES = 5;
/** Code units shown of a text. */
const EXCERPT = 160;

/**
 * Applies a policy; battles keep their order and are not changed in place.
 * @example
 * const { battles, report } = cleanBattles(votes, { ties: 'keep' });
 */
export function cleanBattles(
  battles: Iterable<Battle>,
  policy: CleanPolicy = {},
): { battles: Battle[]; report: CleanReport } {
  const { clean, report } = cleaner(policy);
  const kept: Battle[] = [];
  for (const battle of battles) {
    const one = clean(battle);
    if (one) kept.push(one);
  }
  return { battles: kept, report };
}

/** Applies a policy to one battle at a time. Keeps hashes of the texts, not the texts. */
export function cleaner({
  unlabeled = 'drop',
  bothEmpty = 'drop',
  oneEmpty = 'keep',
  nullTurn = 'keep',
  identical = 'drop',
  duplicate = 'drop',
  swappedDuplicate = 'drop',
  ties = 'drop',
  maxChars = 200_000,
}: CleanPolicy = {}): {
  /** The battle as kept, or null; not changed in place. */
  clean(battle: Battle): Battle | null;
  /** Report on the battles so far. */
  report: CleanReport;
} {
  const report: CleanReport = { read: 0, kept: 0, dropped: {}, changed: {}, conflictingLabels: 0 };
  const earlier = new Map<string, Winner>();
  const actions: Record<CleanReason, string> = {
    unlabeled,
    bothEmpty,
    oneEmpty,
    nullTurn,
    identical,
    duplicate,
    swappedDuplicate,
    tie: ties,
  };

  function clean(battle: Battle): Battle | null {
    report.read++;
    const keys = textKeys(battle);
    const same = earlier.get(keys.same);
    const swapped = same === undefined ? earlier.get(keys.swapped) : undefined;
    if ((same !== undefined && same !== battle.winner) || (swapped !== undefined && swapped !== flipped(battle.winner)))
      report.conflictingLabels++;
    const reason = reasonsOf(battle, same !== undefined, swapped !== undefined).find((one) => actions[one] === 'drop');
    if (reason) {
      note((report.dropped[reason] ??= { count: 0, examples: [] }), battle);
      return null;
    }
    if (same === undefined) earlier.set(keys.same, battle.winner);
    report.kept++;
    return mend(battle, report, ties, maxChars);
  }
  return { clean, report };
}

function reasonsOf(battle: Battle, isDuplicate: boolean, isSwapped: boolean): CleanReason[] {
  const reasons: CleanReason[] = [];
  const blank = Number(isBlank(battle.responseA)) + Number(isBlank(battle.responseB));
  if (battle.winner === null && !battle.softLabel) reasons.push('unlabeled');
  if (blank === 2) reasons.push('bothEmpty');
  if (blank === 1) reasons.push('oneEmpty');
  if (battle.flags.includes('null_turn')) reasons.push('nullTurn');
  if (sameTurns(battle.responseA, battle.responseB)) reasons.push('identical');
  if (isDuplicate) reasons.push('duplicate');
  if (isSwapped) reasons.push('swappedDuplicate');
  if (battle.winner === 'tie') reasons.push('tie');
  return reasons;
}

function mend(battle: Battle, report: CleanReport, ties: string, maxChars: number): Battle {
  const out = { ...battle };
  const long = [battle.prompt, battle.responseA, battle.responseB].some((turns) =>
    turns.some((turn) => turn.length > maxChars),
  );
  if (long) {
    const cap = (turns: string[]) => turns.map((turn) => capText(turn, maxChars));
    Object.assign(out, {
      prompt: cap(battle.prompt),
      responseA: cap(battle.responseA),
      responseB: cap(battle.responseB),
    });
    note((report.changed.capped ??= { count: 0, examples: [] }), battle);
  }
  if (battle.winner === 'tie' && ties === 'soft') {
    out.softLabel = [0.5, 0.5];
    note((report.changed.softTie ??= { count: 0, examples: [] }), battle);
  }
  return out;
}

function flipped(winner: Winner): Winner {
  return winner === 'a' ? 'b' : winner === 'b' ? 'a' : winner;
}

function note(entry: CleanCount, { id, row, ...texts }: Battle): void {
  entry.count++;
  if (entry.examples.length === EXAMPLES) return;
  const [prompt, responseA, responseB] = [texts.prompt, texts.responseA, texts.responseB].map((turns) =>
    capText(turns.join('\n'), EXCERPT),
  );
  entry.examples.push({ id, row, prompt, responseA, responseB });
}
