/** @file Probabilities for battles, many at a time. */
import { type Battle, type Packed, swapBattle } from '@arena/data';
import type { Classifier, ScoreOptions } from '@arena/decoder';
import { logitsOfSequences } from '@arena/decoder/model';
import type { Prediction } from '@arena/eval';
import { styleLogOdds } from '@arena/eval/style';
import type { Tokenizer } from '@arena/tokenizer';
import type { ModelCard } from './card.js';
import type { Objective, Verdict } from './objectives/objective.js';
import { changes, type JudgeStyle, styleOf, withStyle } from './style.js';

/** Options of scoring. */
export interface ScoringOptions extends ScoreOptions {
  /** Score the exchanged order, too, where the head sees both answers. Default true. */
  swap?: boolean;
  /** The margin's probability alone, without the style of the judge's card. Default false. */
  raw?: boolean;
}

/** A prediction with further outputs of the head. */
export interface Scored extends Prediction {
  /** Probabilities of A, B and a tie, shown as A, B, from a head of three classes. P(A) counts half of the tie. */
  probabilities?: [number, number, number];
  /** Rewards of A and B, from a reward head: of the content alone. */
  rewards?: [number, number];
  /** P(A) of the margin alone, where the style of the judge's card is in `probabilityA`; and for the exchanged order. */
  rawProbabilityA?: number;
  rawProbabilityASwapped?: number;
}

/** A model, its packing, and the style of its card. */
export interface Scorer {
  model: Classifier;
  tokenizer: Tokenizer;
  objective: Objective;
  card: Pick<ModelCard, 'style'>;
}

/** Verdicts on a battle by the margin alone: shown as A, B and, where that was scored, exchanged, with A second. */
export type Verdicts = readonly Verdict[];

/**
 * P(A is preferred) for each battle, in order. With `swap`, also with A and B exchanged.
 * @throws JudgeError for a style that this version cannot use, unless `raw`.
 */
export async function scoreBattles(
  scorer: Scorer,
  battles: Battle[],
  { raw, ...options }: ScoringOptions = {},
): Promise<Scored[]> {
  const style = raw ? undefined : styleOf(scorer.card);
  return scoredBy(await verdictsOf(scorer, battles, options), battles, scorer.objective, style);
}

/** The verdicts of the margin alone [battles][orders]. */
export async function verdictsOf(
  { model, tokenizer, objective }: Omit<Scorer, 'card'>,
  battles: Battle[],
  { swap = true, ...options }: Omit<ScoringOptions, 'raw'> = {},
): Promise<Verdicts[]> {
  const { ordered, verdict } = objective;
  const pack = objective.packer(tokenizer);
  const both = swap && ordered;
  const shown = both ? battles.flatMap((battle) => [battle, swapBattle(battle)]) : battles;
  const sequences = shown.flatMap((battle) => sequencesOf(pack(battle)));
  const each = ordered ? 1 : 2; // sequences of a battle in one order
  // sequences side by side share the prompt
  const logits = await logitsOfSequences(model, sequences, { together: both ? 2 : each, ...options });
  const verdicts = shown.map((_, i) =>
    verdict(logits.slice(each * i, each * (i + 1)).flatMap((row) => Array.from(row))),
  );
  return battles.map((_, i) => (both ? verdicts.slice(2 * i, 2 * i + 2) : [verdicts[i]]));
}

/** Predictions from verdicts, with a style or by the margin alone. */
export function scoredBy(
  verdicts: readonly Verdicts[],
  battles: readonly Battle[],
  { knowsTies }: Pick<Objective, 'knowsTies'>,
  style?: JudgeStyle,
): Scored[] {
  const s = style && changes(style) ? styleLogOdds(style.terms, battles) : undefined;
  return battles.map(({ id }, i) => {
    const [raw, rawSwapped] = verdicts[i];
    const shown = s ? withStyle(raw, s[i], style!, style!.mode) : raw;
    const swapped = s && rawSwapped ? withStyle(rawSwapped, -s[i], style!, style!.mode) : rawSwapped;
    const { a, b, tie, rewards } = shown;
    return {
      id,
      probabilityA: first(shown),
      ...(swapped ? { probabilityASwapped: 1 - first(swapped) } : {}),
      ...(s ? { rawProbabilityA: first(raw) } : {}),
      ...(s && rawSwapped ? { rawProbabilityASwapped: 1 - first(rawSwapped) } : {}),
      ...(knowsTies ? { probabilities: [a, b, tie] as [number, number, number] } : {}),
      ...(rewards ? { rewards } : {}),
    };
  });
}

function sequencesOf({ ids, second }: Packed): Int32Array[] {
  return second === undefined ? [ids] : [ids.subarray(0, second), ids.subarray(second)];
}

/** P(the answer that is shown first is preferred). */
function first({ a, tie }: Verdict): number {
  return a + tie / 2;
}

/** P(A) of one prediction: the mean of both orders where both were scored. */
export function meanOfOrders({ probabilityA, probabilityASwapped }: Prediction): number {
  return typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
}
