/** @file Model, training, scoring and the adapter's files, on the engine that is open. */
import {
  type Battle,
  batches,
  COMPACT_FRAME,
  GEMMA_FRAME,
  type Packed,
  type PackOptions,
  packer,
  swapBattle,
} from '@arena/data';
import { type Classifier, planMemory, readAdapter, scoreSequences, trainable } from '@arena/decoder';
import { evaluate, type Prediction, renderReport, summaryTable } from '@arena/eval';
import { loadGemma } from '@arena/gemma';
import { type AdapterFiles, adapterFolder, loraConfig } from '@arena/lora';
import {
  type Checkpoint,
  checkpointFiles,
  restoreProgress,
  type TrainOptions,
  type TrainProgress,
  train,
} from '@arena/trainer';
import type { BaseInfo, Event, Judgement, TrainSettings } from '../protocol.js';
import type { Base } from './base.js';
import { isQuota, keepFiles } from './storage.js';
import type { Votes } from './votes.js';

const TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
/** Validation battles that are measured while training. */
const MEASURED = 100;
const MEASURES = 10;
const SAVES = 10;

/** A model that is open, with what it needs to read battles. */
export interface Judge {
  model: Classifier;
  pack: PackOptions;
  packOne: (battle: Battle) => Packed;
}

/** How battles are laid out for a base. A tiny one has no room for chat turns. */
export function packOptions(base: BaseInfo, maxTokens: number): PackOptions {
  return { maxTokens, frame: base.hiddenSize < 512 ? COMPACT_FRAME : GEMMA_FRAME };
}

/** Opens the base with a new adapter, or with one that was trained. */
export async function openJudge(
  base: Base,
  pack: PackOptions,
  adapter: AdapterFiles | TrainSettings,
  onProgress: (done: number, total: number) => void,
): Promise<Judge> {
  const { location, tokenizer } = base;
  const lora = 'weights' in adapter ? { adapter } : { lora: { config: newLora(adapter, base), seed: adapter.seed } };
  const model = await loadGemma(location, { quantization: {}, ...lora, numLabels: 2, onProgress });
  return { model, pack, packOne: packer(tokenizer, pack) };
}

function newLora({ rank, firstLayer }: TrainSettings, { config, info }: Base) {
  if (firstLayer >= config.layers.length) {
    throw new Error(`the base has ${config.layers.length} layers: the first trained one must be below that`);
  }
  const layers = Array.from({ length: config.layers.length - firstLayer }, (_, i) => firstLayer + i);
  return loraConfig({
    r: rank,
    lora_alpha: 2 * rank,
    lora_dropout: 0.05,
    target_modules: TARGETS,
    layers_to_transform: layers,
    base_model_name_or_path: info.name,
  });
}

/** What lets the page hold the training up. */
export interface Control {
  signal: AbortSignal;
  /** Fulfilled at once, or when the pause ends. */
  resumed(): Promise<void>;
}

/** Trains, telling the page of every step and keeping checkpoints. False when it was stopped. */
export async function trainJudge(
  judge: Judge,
  votes: Votes,
  settings: TrainSettings,
  checkpoint: Checkpoint | null,
  control: Control,
  tell: (event: Event) => void,
): Promise<boolean> {
  const { model, packOne } = judge;
  const { batchSize, epochs, seed } = settings;
  const packed = votes.splits.train.map(packOne);
  const measured = votes.splits.validation.slice(0, MEASURED).filter(({ winner }) => winner === 'a' || winner === 'b');
  const measuredIds = measured.map((battle) => packOne(battle).ids);
  const epochBatches = (epoch: number) => [...batches(packed, { batchSize, order: 'hf', seed, epoch })];
  const totalSteps = Math.ceil(epochs * epochBatches(0).length);
  const plan = planMemory({
    config: model.config,
    targets: model.lora!.targets,
    tokens: Math.max(...epochBatches(0).map(({ ids }) => ids.length)),
    quantized: true,
  });
  const trained = trainable(model, { activations: plan.activations });
  const numbers = trained.parameters().reduce((sum, { value }) => sum + value.size, 0);
  tell({ kind: 'start', totalSteps, trained: numbers, memory: plan.total });
  const info = { totalSteps, epochs, batchSize, settings };
  const begin = performance.now();
  const firstStep = checkpoint?.step ?? 0;
  const keep = async (step: number, done: boolean, files: Record<string, Uint8Array>) => {
    try {
      await keepFiles({ step, totalSteps, done }, files);
    } catch (error) {
      if (!isQuota(error)) throw error;
      tell({ kind: 'note', text: 'The browser has no room left: training goes on, but a reload would lose it.' });
    }
  };
  const save = async (progress: TrainProgress) =>
    keep(progress.step, false, await checkpointFiles(trained, progress, info));
  const options: TrainOptions = {
    model: trained,
    batches: epochBatches,
    epochs,
    learningRate: settings.learningRate,
    warmup: 0.05,
    weightDecay: 0.01,
    seed,
    resume: checkpoint ? restoreProgress(checkpoint, trained) : undefined,
    signal: control.signal,
    saveEvery: Math.max(1, Math.ceil(totalSteps / SAVES)),
    onSave: save,
    onInterrupt: async (progress) => {
      if (progress.step) await save(progress);
    },
    onStep: async ({ step, loss }, { tokens }) => {
      const seconds = (performance.now() - begin) / 1000;
      const secondsLeft = (seconds / (step - firstStep)) * (totalSteps - step);
      tell({ kind: 'step', step, totalSteps, loss, tokensPerSecond: tokens / seconds, secondsLeft });
      await control.resumed();
    },
  };
  if (measured.length) {
    options.evaluateEvery = Math.max(1, Math.ceil(totalSteps / MEASURES));
    options.evaluate = () => measure(model, measuredIds, measured, control.signal);
    options.onEvaluate = ({ step, eval_loss, eval_accuracy }) =>
      tell({ kind: 'measured', step, loss: eval_loss, accuracy: eval_accuracy });
    options.restoreBest = true;
  }
  try {
    const { steps } = await train(options);
    await keep(steps, true, await adapterFiles(judge));
    return true;
  } catch (error) {
    if (control.signal.aborted) return false;
    throw error;
  }
}

async function measure(model: Classifier, ids: Int32Array[], battles: Battle[], signal: AbortSignal) {
  const scores = await scoreSequences(model, ids, { signal });
  let loss = 0;
  let right = 0;
  scores.forEach(([a, b], i) => {
    const first = battles[i].winner === 'a';
    loss -= Math.log(Math.max(1e-12, first ? a : b));
    right += Number(a > b === first);
  });
  return { loss: loss / battles.length, accuracy: right / battles.length };
}

/** P(A) of each battle, as it is and exchanged. */
async function predict(
  { model, packOne }: Judge,
  battles: Battle[],
  onProgress?: (done: number, total: number) => void,
): Promise<Prediction[]> {
  const both = battles.flatMap((battle) => [battle, swapBattle(battle)]).map((battle) => packOne(battle).ids);
  const scores = await scoreSequences(model, both, { together: 2, onProgress });
  return battles.map(({ id }, i) => ({
    id,
    probabilityA: scores[2 * i][0],
    probabilityASwapped: 1 - scores[2 * i + 1][0],
  }));
}

/** Scores the test part and makes the report. */
export async function evaluateJudge(judge: Judge, votes: Votes, title: string, tell: (event: Event) => void) {
  const { train: seen, validation, test } = votes.splits;
  const label = 'scoring';
  const total = 2 * (validation.length + test.length);
  const held = await predict(judge, validation, (done) => tell({ kind: 'progress', label, done, total }));
  const predictions = await predict(judge, test, (done) =>
    tell({ kind: 'progress', label, done: 2 * validation.length + done, total }),
  );
  const report = evaluate(predictions, test, {
    train: seen,
    ...(validation.length ? { validation: { predictions: held, battles: validation } } : {}),
    seed: 42,
    title,
  });
  return { html: renderReport(report, 'html', { battles: test }), table: summaryTable(report) };
}

/** What people would prefer of one battle. */
export async function judgeBattle(
  judge: Judge,
  { prompt, responseA, responseB }: { prompt: string; responseA: string; responseB: string },
): Promise<Judgement> {
  const battle = { ...EMPTY_BATTLE, prompt: [prompt], responseA: [responseA], responseB: [responseB] };
  const [{ probabilityA: asGiven, probabilityASwapped: exchanged }] = await predict(judge, [battle]);
  return { asGiven, exchanged: exchanged!, mean: (asGiven + exchanged!) / 2 };
}

const EMPTY_BATTLE: Pick<Battle, 'id' | 'row' | 'winner' | 'flags'> = {
  id: 'by hand',
  row: 0,
  winner: null,
  flags: [],
};

/** The adapter folder, with the packing that it was trained with. */
export async function adapterFiles({ model, pack }: Judge): Promise<Record<string, Uint8Array>> {
  const files = adapterFolder(await readAdapter(model));
  return {
    ...files,
    'arena.json': new TextEncoder().encode(`${JSON.stringify({ format: 'arena-model-1', pack }, null, 2)}\n`),
  };
}
