/** @file A battle: one prompt, two answers, and which one a person preferred. */

/** Who won; null when the row has no label (a test set). */
export type Winner = 'a' | 'b' | 'tie' | null;

/** What a reader noticed about a row. The row stays; the caller decides what to do. */
export type BattleFlag =
  | 'both_empty'
  | 'one_empty'
  | 'identical'
  | 'multi_turn'
  | 'non_text_left_out'
  | 'null_turn'
  | 'roles_joined'
  | 'surrogate_repaired';

/** One vote. The three text fields have one entry a turn, and the same number of them. */
export interface Battle {
  id: string;
  prompt: string[];
  responseA: string[];
  responseB: string[];
  winner: Winner;
  /** Index of the record from 0, over all files of one read. */
  row: number;
  flags: BattleFlag[];
  modelA?: string;
  modelB?: string;
  language?: string;
  /** Kind of question, where the file gives it. */
  category?: string;
  /** Votes of one session stay together in a split. */
  session?: string;
  /** Row of the earliest kept battle with the same texts. */
  duplicateOf?: number;
  /** Row of the earliest kept battle with the same texts and A and B exchanged. */
  swappedDuplicateOf?: number;
  /** Weight in the loss; 1 when absent. */
  weight?: number;
  /** Probabilities of a, b and, with three entries, tie; for instance a teacher's. */
  softLabel?: number[];
}

/** The same battle with the answers exchanged: texts, models, winner and soft label. */
export function swapBattle(battle: Battle): Battle {
  const { responseA, responseB, modelA, modelB, winner, softLabel, ...rest } = battle;
  const swapped: Battle = {
    ...rest,
    responseA: responseB,
    responseB: responseA,
    winner: winner === 'a' ? 'b' : winner === 'b' ? 'a' : winner,
  };
  if (modelB !== undefined) swapped.modelA = modelB;
  if (modelA !== undefined) swapped.modelB = modelA;
  if (softLabel) swapped.softLabel = [softLabel[1], softLabel[0], ...softLabel.slice(2)];
  return swapped;
}
