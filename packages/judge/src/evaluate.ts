/** @file Evaluates a judge on the parts of a data set: scores and reports test, and scores validation. */
import type { Battle } from '@arena/data';
import type { Judge } from './open.js';
import { type Evaluation, evaluationOf, type Variant } from './results.js';
import { scoredBy, type Verdicts, verdictsOf } from './score.js';
import { type JudgeStyle, styleOf } from './style.js';
import type { VoteParts } from './votes.js';

/** Options of an evaluation. */
export interface EvaluateJudgeOptions {
  title: string;
  /** Seed of the bootstrap. */
  seed: number;
  /** Evaluate the margin alone, without the style of the judge's card. Default false. */
  raw?: boolean;
  /** Verdicts on the validation part, where they are known (`JudgeRun.validation`): it is not scored again. */
  validation?: readonly Verdicts[];
  /** Called with the number of scored texts of validation and test, each battle in both orders. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Scores validation and test in both orders, and evaluates. It fits baselines on the train part and the temperature on
 * validation, if they have battles. Of a judge with a style the report also has the margin alone, the style alone and
 * both.
 * @throws JudgeError for a style that this version cannot use, unless `raw`.
 * @example
 * const { report, table } = await evaluateJudge(judge, parts, { title: 'A judge', seed: 42 });
 */
export async function evaluateJudge(
  judge: Pick<Judge, 'model' | 'tokenizer' | 'objective' | 'card'>,
  { train, validation, test }: VoteParts,
  { title, seed, raw, validation: known, onProgress, signal }: EvaluateJudgeOptions,
): Promise<Evaluation> {
  const { objective, card } = judge;
  const style = raw ? undefined : styleOf(card);
  const before = known ? 0 : 2 * validation.length;
  const total = before + 2 * test.length;
  const score = (battles: Battle[], after: number) =>
    verdictsOf(judge, battles, { signal, onProgress: (done) => onProgress?.(after + done, total) });
  const held = known ?? (validation.length ? await score(validation, 0) : []);
  const verdicts = await score(test, before);
  return evaluationOf({
    predictions: scoredBy(verdicts, test, objective, style),
    battles: test,
    train: train.length ? train : undefined,
    validation: validation.length
      ? { predictions: scoredBy(held, validation, objective, style), battles: validation }
      : undefined,
    variants: style && variantsOf(style, train.length > 0, (of) => scoredBy(verdicts, test, objective, of)),
    title,
    seed,
  });
}

/** What the judge is made of: the margin, the style (which the report's baseline is, where it has one), both. */
function variantsOf(style: JudgeStyle, hasBaseline: boolean, predict: (style?: JudgeStyle) => Variant['predictions']) {
  const inLoss = style.mode === 'offset';
  const training = `the training part (${style.votes.train} votes)`;
  const validation = `the validation part (${style.votes.validation} votes)`;
  const margin: Variant = {
    name: inLoss ? 'content' : 'margin',
    description: inLoss ? "the judge without the style's log odds" : "the judge's margin, as it was trained",
    fittedOn: training,
    predictions: predict(),
  };
  const alone: Variant = {
    name: 'style',
    description: "the style's log odds in arena.json",
    fittedOn: training,
    predictions: predict({ ...style, a: 0, b: 1, mode: 'stack' }),
  };
  const stack = inLoss ? { a: 1, b: 1 } : style.tried.find(({ name }) => name === 'stack');
  const both: Variant | undefined = stack && {
    name: 'both',
    description: inLoss
      ? "content and the style's log odds, as they were in the loss"
      : `sigmoid(a margin + b style); the model is what was kept: ${style.kept}`,
    fittedOn: inLoss ? training : validation,
    predictions: predict({ ...style, a: stack.a, b: stack.b }),
  };
  return [margin, ...(hasBaseline ? [] : [alone]), ...(both ? [both] : [])];
}
