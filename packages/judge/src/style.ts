/**
 * @file The style of a judge in arena.json: what the style of two answers alone says of a vote, and the two numbers
 * that join it to the judge's margin m = log P(A) - log P(B): P(A) = sigmoid(a m + b s).
 */
import type { Battle } from '@arena/data';
import { promptKey } from '@arena/data/clean';
import {
  chooseStack,
  fitStyle,
  type Multipliers,
  STYLE_FEATURES,
  type StackCandidate,
  type StyleTerms,
  styleLogOdds,
} from '@arena/eval/style';
import { JudgeError } from './error.js';
import type { Verdict } from './objectives/objective.js';
import type { TrainingSettings } from './settings.js';

/** The part `style` of an arena.json. */
export interface JudgeStyle extends Multipliers {
  version: typeof VERSION;
  /** `stack`: fitted after training. `offset`: the style's log odds were in the loss, and belong to the judge. */
  mode: 'stack' | 'offset';
  /** The candidate that a and b are of. */
  kept: StackCandidate['name'];
  /** Terms of the style's log odds s. */
  terms: StyleTerms;
  /** The candidates with their cross-validated log losses, from the simplest. */
  tried: StackCandidate[];
  /** Numbers of votes that the terms (train), and a and b (validation), were fitted on. */
  votes: { train: number; validation: number };
}

const VERSION = 1;

/** Fewest decided votes that a and b are fitted on. */
const FEWEST_VOTES = 40;

/** The style's log odds, fitted on a training part. Ties count half where the head has no class for them. */
export interface FittedTerms {
  terms: StyleTerms;
  /** Number of votes. */
  votes: number;
}

/** Fits the style's log odds on the votes of a training part. */
export function fitTerms(train: readonly Battle[], knowsTies: boolean, seed: number): FittedTerms {
  const voted = train.filter(({ winner }) => winner && !(knowsTies && winner === 'tie'));
  const labels = voted.map(({ winner }) => SHARE_OF_A[winner!]);
  return { terms: fitStyle(voted, labels, groupsOf(voted), { seed }).terms, votes: voted.length };
}

const SHARE_OF_A = { a: 1, b: 0, tie: 0.5 };

/** Prompts by number, as the split takes them. */
function groupsOf(battles: readonly Battle[]): { clusterOf: Int32Array; clusters: number } {
  const numbers = new Map<string, number>();
  const clusterOf = Int32Array.from(battles, (battle) => {
    const key = promptKey(battle);
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key)!;
  });
  return { clusterOf, clusters: numbers.size };
}

/** Why a and b cannot be fitted on these votes, in a clause. Undefined where they can. */
export function tooFew(validation: readonly Battle[]): string | undefined {
  const won = (side: 'a' | 'b') => validation.filter(({ winner }) => winner === side).length;
  const [a, b] = [won('a'), won('b')];
  if (a + b < FEWEST_VOTES) return `the validation part has ${a + b} decided votes, fewer than ${FEWEST_VOTES}`;
  if (!a || !b) return `'${a ? 'a' : 'b'}' won all ${a + b} decided votes of the validation part`;
  return undefined;
}

/** A style whose log odds were in the loss, before anything was fitted on validation votes. */
export function offsetStyle({ terms, votes }: FittedTerms): JudgeStyle {
  return {
    version: VERSION,
    mode: 'offset',
    kept: 'raw',
    a: 1,
    b: 1,
    terms,
    tried: [],
    votes: { train: votes, validation: 0 },
  };
}

/**
 * Fits a and b on the decided votes of a validation part.
 * @param verdicts The judge's verdicts on it, in one order or both [battles][orders].
 */
export function fitMultipliersOf(
  { terms, votes }: FittedTerms,
  mode: JudgeStyle['mode'],
  validation: readonly Battle[],
  verdicts: readonly (readonly Verdict[])[],
  { seed }: Pick<TrainingSettings, 'seed'>,
): JudgeStyle {
  const rows = validation.flatMap(({ winner }, i) => (winner === 'a' || winner === 'b' ? [i] : []));
  const decided = rows.map((i) => validation[i]);
  const { kept, tried } = chooseStack(
    {
      margins: rows.map((i) => marginOf(verdicts[i])),
      style: styleLogOdds(terms, decided),
      labels: decided.map(({ winner }) => SHARE_OF_A[winner!]),
      ...groupsOf(decided),
    },
    { inLoss: mode === 'offset', seed },
  );
  const { name, a, b } = kept;
  return {
    version: VERSION,
    mode,
    kept: name,
    a,
    b,
    terms,
    tried,
    votes: { train: votes, validation: decided.length },
  };
}

/** log P(A) - log P(B): of verdicts in both orders the mean, so that exchanging A and B turns the sign. */
function marginOf([shown, exchanged]: readonly Verdict[]): number {
  const margin = ({ log }: Verdict) => log.a - log.b;
  return exchanged ? (margin(shown) - margin(exchanged)) / 2 : margin(shown);
}

/** Whether a style changes probabilities. */
export function changes({ a, b }: Multipliers): boolean {
  return a !== 1 || b !== 0;
}

/**
 * A verdict with the style in it.
 * @param s The style's log odds of the answer that is shown first.
 */
export function withStyle(verdict: Verdict, s: number, { a, b }: Multipliers, mode: JudgeStyle['mode']): Verdict {
  const margin = a * (verdict.log.a - verdict.log.b) + b * s;
  return mode === 'offset' ? shifted(verdict, margin) : shared(verdict, margin);
}

/** P(tie) as it is; the rest goes to A and B by the log odds `margin`. */
function shared({ tie, log, rewards }: Verdict, margin: number): Verdict {
  const rest = tie ? Math.log1p(-Math.min(tie, 1 - Number.EPSILON)) : 0;
  const [a, b] = [rest - softplus(-margin), rest - softplus(margin)];
  return { a: Math.exp(a), b: Math.exp(b), tie, log: { a, b, tie: log.tie }, rewards };
}

/** As in the loss: half of the change goes to A's logit, minus half to B's, and P(tie) follows. */
function shifted({ log, rewards }: Verdict, margin: number): Verdict {
  const half = (margin - (log.a - log.b)) / 2;
  const [a, b, tie] = [log.a + half, log.b - half, log.tie];
  const top = Math.max(a, b, tie);
  const total = top + Math.log(Math.exp(a - top) + Math.exp(b - top) + Math.exp(tie - top));
  const logs = { a: a - total, b: b - total, tie: tie - total };
  return { a: Math.exp(logs.a), b: Math.exp(logs.b), tie: Math.exp(logs.tie), log: logs, rewards };
}

function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

/**
 * The style of a card, checked for use. Undefined where there is none.
 * @param place Name of the card in messages.
 * @throws JudgeError when this version cannot use it.
 */
export function styleOf({ style }: { style?: JudgeStyle }, place = 'arena.json'): JudgeStyle | undefined {
  if (style === undefined) return undefined;
  const fail = (what: string, advice: string) => new JudgeError('card', `${place}: its style ${what}; ${advice}`);
  if (style?.version !== VERSION) throw fail(`has version ${JSON.stringify(style?.version)}, not ${VERSION}`, NEWER);
  if (typeof style.terms !== 'object' || !style.terms) throw fail('has no terms', LEAVE);
  const names: readonly string[] = STYLE_FEATURES;
  const unknown = Object.keys(style.terms).find((name) => !names.includes(name));
  if (unknown !== undefined) throw fail(`has the term ${JSON.stringify(unknown)}, which is not known here`, NEWER);
  if (style.mode !== 'stack' && style.mode !== 'offset') throw fail(`has mode ${JSON.stringify(style.mode)}`, NEWER);
  const numbers = Object.values(style.terms).flatMap(({ scale, coefficient }) => [1 / scale, coefficient]);
  if (![style.a, style.b, ...numbers].every(Number.isFinite)) {
    throw fail('holds numbers that are not finite', LEAVE);
  }
  return style;
}

const LEAVE = '`raw` leaves it out';
const NEWER = 'take a newer version of Arena, or `raw`, which leaves it out';

/** Which of its two probabilities a judge gives, in a sentence. Undefined where it has one. */
export function describeStyle({ style }: { style?: JudgeStyle }, raw = false): string | undefined {
  if (!style) return undefined;
  const has = style.mode === 'offset' ? "content alone, without the style's log odds" : 'the margin alone';
  if (raw) return `probabilities are of ${has} (raw)`;
  if (style.version !== VERSION || !changes(style)) return undefined;
  const { a, b, votes } = style;
  const parts = `${a.toFixed(2)} x margin${b ? ` ${b < 0 ? '-' : '+'} ${Math.abs(b).toFixed(2)} x style` : ''}`;
  const fitted = votes.validation ? `, fitted on ${votes.validation} validation votes` : '';
  return `probabilities are sigmoid(${parts})${fitted}; raw gives ${has}`;
}
