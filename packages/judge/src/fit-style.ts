/** @file Fits the style of a judge that was trained, on the votes of its run. */
import type { Judge } from './open.js';
import { type Verdicts, verdictsOf } from './score.js';
import type { TrainingSettings } from './settings.js';
import { describeStyle, type FittedTerms, fitMultipliersOf, fitTerms, type JudgeStyle, tooFew } from './style.js';
import type { VoteParts } from './votes.js';

/** What became of the style. */
export interface StyleOutcome {
  /** Undefined where the judge is left without one. */
  style?: JudgeStyle;
  /** The same in a sentence. */
  note: string;
  /** Verdicts on the validation part, if it was scored. */
  validation?: Verdicts[];
}

/**
 * Scores the validation part, fits temperature and style on it, and keeps what cross-validation calls better.
 * @param inLoss The terms that were held fixed in the loss, if they were.
 * @returns undefined for a run without style.
 */
export async function fitJudgeStyle(
  judge: Pick<Judge, 'model' | 'tokenizer' | 'objective' | 'card'>,
  { train, validation }: VoteParts,
  settings: Pick<TrainingSettings, 'style' | 'seed'>,
  inLoss: FittedTerms | undefined,
  options: { onProgress?: (done: number, total: number) => void; signal?: AbortSignal } = {},
): Promise<StyleOutcome | undefined> {
  if (settings.style === 'none') return undefined;
  const reason = tooFew(validation);
  if (reason !== undefined) {
    const { style } = judge.card;
    return { style, note: `${inLoss ? 'no temperature is' : 'temperature and style terms are not'} fitted: ${reason}` };
  }
  const verdicts = await verdictsOf(judge, validation, options);
  const terms = inLoss ?? fitTerms(train, judge.objective.knowsTies, settings.seed);
  const style = fitMultipliersOf(terms, inLoss ? 'offset' : 'stack', validation, verdicts, settings);
  return { style, note: noteOf(style), validation: verdicts };
}

function noteOf(style: JudgeStyle): string {
  const losses = style.tried.map(({ name, logLoss }) => `${NAMES[style.mode][name]} ${logLoss.toFixed(4)}`).join(', ');
  const kept = NAMES[style.mode][style.kept];
  const says = describeStyle({ style });
  return `log loss on held-out validation votes: ${losses}; ${kept} is kept${says ? `: ${says}` : ''}`;
}

/** The candidates in words. */
const NAMES = {
  stack: { raw: 'the margin alone', temperature: 'with a temperature', stack: 'with temperature and style' },
  offset: { raw: 'content and style', temperature: 'with a temperature of the content', stack: '' },
} as const;
