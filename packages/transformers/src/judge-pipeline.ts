/** @file A text-classification pipeline of transformers.js whose model is a judge. */
import { type Battle, swapBattle } from '@arena/data';
import type { Judge } from '@arena/judge';
import type { Pair, Scored } from '@arena/judge/run';
import { battleOf, kindOf } from './battle.js';
import { TransformersError } from './error.js';
import { pipelineModel } from './pipeline-model.js';

/** The parts of `import * as transformers from '@huggingface/transformers'` that are used. */
export interface TransformersModule {
  TextClassificationPipeline: new (parts: never) => object;
  Tensor: new (type: never, data: never, dims: never) => object;
}

/** Two answers to a prompt, or a text that is framed already: special tokens in it are tokens. */
export type JudgeInput = Pair | string;

/** A class and its probability. */
export interface LabelScore {
  label: string;
  score: number;
}

/** How to score. */
export interface JudgePipelineOptions {
  /** How many classes to give, the most probable first; null for all. Default 1. */
  top_k?: number | null;
  /** The margin's probability alone, without the style of the judge's card. Default false. */
  raw?: boolean;
  /** The mean of both orders of the answers, at twice the work. Default false: the order as given. */
  swap?: boolean;
  /** Tokens that a forward pass takes. Default 4,096. */
  tokensPerBatch?: number;
  signal?: AbortSignal;
}

type OneClass = JudgePipelineOptions & { top_k?: 1 };

/** The pipeline: `await judge(battle)`. Its fields are transformers.js' own. */
export interface JudgePipeline {
  (input: JudgeInput, options?: JudgePipelineOptions): Promise<LabelScore[]>;
  (inputs: readonly JudgeInput[], options?: OneClass): Promise<LabelScore[]>;
  (inputs: readonly JudgeInput[], options: JudgePipelineOptions): Promise<LabelScore[][]>;
  task: 'text-classification';
  /** Takes `{ input_ids, attention_mask }` and gives `{ logits }`, tensors of transformers.js. */
  model: ReturnType<typeof pipelineModel>;
  tokenizer: Judge['tokenizer'];
  /** Frees the judge. */
  dispose(): Promise<void>;
}

/**
 * A `TextClassificationPipeline` of transformers.js around a judge, on the engine that is open. Battles are packed as in training;
 * tokens in a user's text stay text. Nothing of onnxruntime runs.
 *
 * Output as that pipeline's: `[{ label: 'A', score }]` for one input; for a list a score each, or a list each where `top_k` is not 1.
 * Labels are A, B and, from a head that knows it, tie; a text alone gives a reward model's `reward`, its sigmoid. Scores of battles
 * include the style of the judge's card, as `judge.predict` has it; of texts they are the margin's.
 * @param transformers `import * as transformers from '@huggingface/transformers'`, 4.3 or later
 * @param defaults Options of every call that does not say otherwise.
 * @throws TransformersError (`argument`) when that is not transformers.js. Calls throw TransformersError naming an input, and what the
 * judge throws.
 * @example
 * const pipe = judgePipeline(judge, transformers);
 * await pipe({ prompt: 'Why?', responseA: 'Because.', responseB: 'No idea.' }); // [{ label: 'A', score: 0.81 }]
 */
export function judgePipeline<T extends TransformersModule>(
  judge: Judge,
  transformers: T,
  defaults: JudgePipelineOptions = {},
): JudgePipeline & InstanceType<T['TextClassificationPipeline']> {
  const missing = (['TextClassificationPipeline', 'Tensor'] as const).find(
    (name) => typeof transformers?.[name] !== 'function',
  );
  if (missing) {
    throw new TransformersError(
      'argument',
      `no ${missing} in what was given: import * as transformers from '@huggingface/transformers' (4.3 or later) is expected`,
    );
  }
  const model = pipelineModel(judge, (rows) => {
    const dims = [rows.length, judge.objective.labels];
    const data = Float32Array.from(rows.flatMap((row) => Array.from(row)));
    return new transformers.Tensor('float32' as never, data as never, dims as never);
  });
  const parts = { task: 'text-classification', model, tokenizer: judge.tokenizer };
  const pipeline = new transformers.TextClassificationPipeline(parts as never);
  const call = (inputs: JudgeInput | readonly JudgeInput[], options?: JudgePipelineOptions) =>
    classify(judge, model.config.id2label, inputs, { ...defaults, ...options });
  return Object.assign(pipeline, { _call: call }) as never;
}

async function classify(
  judge: Judge,
  id2label: Record<number, string>,
  inputs: JudgeInput | readonly JudgeInput[],
  { top_k = 1, ...options }: JudgePipelineOptions,
): Promise<LabelScore[] | LabelScore[][]> {
  if (top_k !== null && !(Number.isInteger(top_k) && top_k > 0)) {
    throw new TransformersError('argument', `top_k ${top_k}: a number of classes, or null for all, is expected`);
  }
  const isList = Array.isArray(inputs);
  const list: readonly JudgeInput[] = isList ? inputs : [inputs as JudgeInput];
  const battles = new Map<number, Battle>();
  const texts = new Map<number, string>();
  for (const [i, input] of list.entries()) {
    const where = isList ? `input ${i}: ` : '';
    if (typeof input === 'string') texts.set(i, input);
    else if (typeof input === 'object' && input !== null) battles.set(i, battleOf(input, where));
    else
      throw new TransformersError(
        'input',
        `${where}${kindOf(input)}: a battle { prompt, responseA, responseB } or a text is expected`,
      );
  }
  const all = new Array<LabelScore[]>(list.length);
  const put = (places: Map<number, unknown>, scores: LabelScore[][]) =>
    [...places.keys()].forEach((i, k) => {
      all[i] = scores[k];
    });
  put(battles, await scoresOfBattles(judge, [...battles.values()], options));
  put(texts, await scoresOfTexts(judge, id2label, [...texts.values()], options));
  const best = all.map((scores) => scores.sort((a, b) => b.score - a.score).slice(0, top_k ?? scores.length));
  if (top_k === 1) return best.flat();
  return isList ? best : best[0];
}

type Scoring = Omit<JudgePipelineOptions, 'top_k'>;

async function scoresOfBattles(
  judge: Judge,
  battles: Battle[],
  { swap, ...options }: Scoring,
): Promise<LabelScore[][]> {
  if (!battles.length) return [];
  const both = swap && judge.objective.ordered;
  const shown = both ? battles.flatMap((battle) => [battle, swapBattle(battle)]) : battles;
  // orders side by side share the work on the prompt
  const scored = await judge.predictMany(shown, { ...options, swap: false, ...(both ? { together: 2 } : {}) });
  return battles.map((_, i) => {
    if (!both) return labelled(probabilitiesOf(scored[i]));
    const [a, b, ...tie] = probabilitiesOf(scored[2 * i]);
    const [second, first, ...otherTie] = probabilitiesOf(scored[2 * i + 1]);
    return labelled([(a + first) / 2, (b + second) / 2, ...tie.map((p, k) => (p + otherTie[k]) / 2)]);
  });
}

/** Of A, B and, where the head knows it, a tie. */
function probabilitiesOf({ probabilityA, probabilities }: Scored): number[] {
  return probabilities ? [...probabilities] : [probabilityA, 1 - probabilityA];
}

function labelled(probabilities: number[]): LabelScore[] {
  return probabilities.map((score, i) => ({ label: ['A', 'B', 'tie'][i], score }));
}

/** Texts as the tokenizer reads them everywhere: special tokens in them count, and what its file puts around a text is put there. */
async function scoresOfTexts(
  judge: Judge,
  id2label: Record<number, string>,
  texts: string[],
  { tokensPerBatch, signal }: Scoring,
): Promise<LabelScore[][]> {
  if (!texts.length) return [];
  const sequences = texts.map((text) => judge.tokenizer.encode(text, { addSpecialTokens: true }));
  const empty = sequences.findIndex((ids) => !ids.length);
  if (empty >= 0) throw new TransformersError('input', 'a text without a token: give the whole framed text');
  const rows = await judge.logits(sequences, { tokensPerBatch, signal });
  return rows.map((logits) => {
    if (logits.length === 1) return [{ label: id2label[0], score: 1 / (1 + Math.exp(-logits[0])) }];
    const { a, b, tie } = judge.objective.verdict(logits);
    return labelled([a, b, tie].slice(0, logits.length));
  });
}
