/** @file Input of an evaluation, and its checks. */
import { EvaluationInputError } from './error.js';

/** Two answers to one prompt and who was preferred. Turns of a conversation are list items. */
export interface Battle {
  id: string;
  prompt: readonly string[];
  responseA: readonly string[];
  responseB: readonly string[];
  /** null: nobody voted. */
  winner: 'a' | 'b' | 'tie' | null;
  modelA?: string | null;
  modelB?: string | null;
  /** Language as labelled. */
  language?: string | null;
  /** Kind of question. */
  category?: string | null;
  /** Whether the predictor saw shortened text. */
  truncated?: boolean;
}

/** A prediction for the battle with the same id. */
export interface Prediction {
  id: string;
  /** P(A is preferred), shown as A, B. */
  probabilityA: number;
  /** P(A is preferred), A meaning the same answer, when shown as B, A. */
  probabilityASwapped?: number | null;
}

/** Battles with a vote, with their predictions and labels. */
export interface Joined {
  battles: Battle[];
  predictions: Prediction[];
  /** 1 when A was preferred, 0 for B, 0.5 for a tie [battles]. */
  labels: Float64Array;
  ties: number;
  unlabelled: number;
}

/**
 * Joins predictions to battles by id. Drops ties ('drop') or counts them as half a win for each ('half').
 * @throws EvaluationInputError for an id twice, missing or unknown, a probability that is not a number from 0 to 1,
 * swapped probabilities on some rows only; `what` names the set in the message.
 */
export function joinPredictions(
  predictions: readonly Prediction[],
  battles: readonly Battle[],
  ties: 'drop' | 'half' = 'drop',
  what = '',
): Joined {
  const prefix = what ? `${what} ` : '';
  checkBattles(battles, prefix);
  const byId = new Map<string, Prediction>();
  const known = new Set(battles.map(({ id }) => id));
  const swapped = predictions.length > 0 && hasSwapped(predictions[0]);
  for (const [i, prediction] of predictions.entries()) {
    const row = `${prefix}prediction row ${i + 1} (id ${show(prediction.id)})`;
    const fail = (message: string) => new EvaluationInputError('prediction', `${row}: ${message}`);
    if (byId.has(prediction.id)) throw fail('the id was given before; each battle has one prediction');
    if (!known.has(prediction.id)) throw fail('no battle has this id; are the predictions of another file?');
    checkProbability(prediction.probabilityA, 'probabilityA', fail);
    if (hasSwapped(prediction) !== swapped) {
      throw fail('probabilityASwapped must be on all rows or on none');
    }
    if (swapped) checkProbability(prediction.probabilityASwapped, 'probabilityASwapped', fail);
    byId.set(prediction.id, prediction);
  }
  const joined: Joined = { battles: [], predictions: [], labels: new Float64Array(0), ties: 0, unlabelled: 0 };
  const labels: number[] = [];
  for (const [i, battle] of battles.entries()) {
    const prediction = byId.get(battle.id);
    if (!prediction) {
      throw new EvaluationInputError(
        'prediction',
        `${prefix}battle row ${i + 1} (id ${show(battle.id)}): it has no prediction`,
      );
    }
    if (battle.winner === null) joined.unlabelled++;
    else if (battle.winner === 'tie') joined.ties++;
    if (battle.winner === null || (battle.winner === 'tie' && ties === 'drop')) continue;
    joined.battles.push(battle);
    joined.predictions.push(prediction);
    labels.push(labelOf(battle.winner));
  }
  joined.labels = Float64Array.from(labels);
  return joined;
}

/** Label of a vote: the share of the win that goes to A. */
export function labelOf(winner: 'a' | 'b' | 'tie'): number {
  return winner === 'a' ? 1 : winner === 'b' ? 0 : 0.5;
}

/** Throws EvaluationInputError for a battle without text lists, with an unknown winner, or an id that stands twice. */
export function checkBattles(battles: readonly Battle[], prefix = ''): void {
  const seen = new Set<string>();
  for (const [i, battle] of battles.entries()) {
    const fail = (message: string) =>
      new EvaluationInputError('battle', `${prefix}battle row ${i + 1} (id ${show(battle?.id)}): ${message}`);
    if (typeof battle?.id !== 'string') throw fail('the id must be a string');
    if (seen.has(battle.id)) throw fail('the id was given before');
    seen.add(battle.id);
    for (const field of ['prompt', 'responseA', 'responseB'] as const) {
      if (!Array.isArray(battle[field]) || !battle[field].every((turn) => typeof turn === 'string')) {
        throw fail(`${field} must be a list of strings, one a turn`);
      }
    }
    if (battle.winner !== 'a' && battle.winner !== 'b' && battle.winner !== 'tie' && battle.winner !== null) {
      throw fail(`winner is ${show(battle.winner)}; expected "a", "b", "tie" or null`);
    }
  }
}

function hasSwapped(prediction: Prediction): boolean {
  return prediction.probabilityASwapped !== undefined && prediction.probabilityASwapped !== null;
}

function checkProbability(value: unknown, field: string, fail: (message: string) => Error): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    const shown = typeof value === 'number' ? String(value) : show(value);
    throw fail(`${field} is ${shown}; expected a number from 0 to 1`);
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** Characters of a list of turns (UTF-16 units). */
export function lengthOf(turns: readonly string[]): number {
  return turns.reduce((sum, turn) => sum + turn.length, 0);
}

/** Key of a battle's prompt: battles with equal keys share a prompt. Splits of `@arena/data` use its `promptKey`. */
export type PromptKey = (battle: Battle) => string;

/** The verbatim prompt. */
export function promptText(battle: Battle): string {
  return battle.prompt.join('\n');
}

/** Cluster number of each battle [battles]: battles with the same prompt share one. */
export function clusterByPrompt(
  battles: readonly Battle[],
  keyOf: PromptKey,
): { clusterOf: Int32Array; clusters: number } {
  const numbers = new Map<string, number>();
  const clusterOf = Int32Array.from(battles, (battle) => {
    const key = keyOf(battle);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
  return { clusterOf, clusters: numbers.size };
}
