/** @file The main job: from votes to an adapter folder, with everything that an honest run leaves behind. */
import { readFile, writeFile } from 'node:fs/promises';
import {
  applySplits,
  type Battle,
  type Packed,
  type SplitsFile,
  splitBattles,
  splitsToFile,
  survival,
  swapBattle,
} from '@arena/data';
import { type Classifier, linearModules, type QuantizationOptions, readAdapter } from '@arena/decoder';
import { loadGemma, readConfig } from '@arena/gemma';
import { type AdapterFiles, loadAdapter, loraConfig, resolveTargets, saveAdapter } from '@arena/lora';
import { type Checkpoint, type Communicator, latestCheckpoint, loadCheckpoint } from '@arena/trainer';
import type { Cleaning } from '../clean-option.js';
import { progress } from '../progress.js';
import { baseName, openTokenizer, resolveBase } from './base.js';
import { type Dataset, describeDrops, loadDataset } from './dataset.js';
import { evaluateParts } from './evaluate-parts.js';
import { headOf, headPacker, labelCount } from './head.js';
import { formatModelCard, type Head, type ModelCard, mergedCard } from './model-card.js';
import { cachedTokens } from './prepared.js';
import { planTraining, trainModel } from './train-model.js';

/** The settings of a run, as its flags give them. They are kept in OUT/run.json, and a resumed run must have the same. */
export interface TrainingSettings {
  base: string;
  data: string[];
  /** `bradley-terry`: a reward model, which sees one answer at a time. */
  loss: 'cross-entropy' | 'bradley-terry';
  /** Classes of the head with cross entropy: A, B and, with 3, tie. */
  classes: 2 | 3;
  /** What two classes and Bradley-Terry make of ties. */
  ties: 'drop' | 'half';
  /** What happens to other kinds of battles. */
  clean?: Cleaning;
  /** Share of every target that is spread over the classes. */
  labelSmoothing: number;
  /** Share of a battle's soft label (a teacher's probabilities) in its target. */
  softLabels: number;
  maxTokens: number;
  /** `chat`: Gemma's turns; `compact`: few tokens, for small models. */
  frame: 'chat' | 'compact';
  rank: number;
  alpha: number;
  dropout: number;
  targets: string[];
  firstLayer: number;
  epochs: number;
  batchSize: number;
  tokensPerBatch?: number;
  accumulation: number;
  /** `adamw-8bit`: the moments of larger tensors in 8 bits, as bitsandbytes keeps them. */
  optimizer: 'adamw' | 'adamw-8bit';
  learningRate: number;
  schedule: 'linear' | 'cosine' | 'constant' | 'constant_with_warmup';
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  seed: number;
  maxSteps?: number;
  /** false keeps the base's linears in float. */
  quantize: boolean;
  doubleQuant: boolean;
  /** Standard deviation of a new head. */
  headStd: number;
  /** How many times as fast as A the adapters' B learn (LoRA+). */
  loraPlus: number;
  /** How many times as fast as A the head learns. */
  headRate: number;
  /** Steps between two measurements of the validation part; without it there are none while training. */
  evalEvery?: number;
  /** Train on each battle as it is and with A and B exchanged. */
  swapAugment: boolean;
  /** What decides which weights are best. */
  metric: 'loss' | 'accuracy';
  /** Measurements without an improvement until the run stops. */
  patience?: number;
}

export interface TrainingJob {
  settings: TrainingSettings;
  /** Bytes that a step may take. Default 80 % of what is free. */
  memoryBytes?: number;
  /** Whether the engine can keep activations in bfloat16. */
  halves?: boolean;
  out: string;
  resume: boolean;
  /** Steps between two checkpoints; one more when interrupted. Default: none are saved. */
  saveEvery?: number;
  /** Checkpoints that are kept (default: all). */
  keep?: number;
  /** Write TensorBoard event files too. */
  tensorboard?: boolean;
  /** Say at the end where the time of the steps went. */
  profile?: boolean;
  title: string;
  /** The processes of a run of several. The first one writes everything; the others only train. */
  ranks?: Communicator;
  /** Plain lines about what happens. */
  say: (line: string) => void;
  signal?: AbortSignal;
}

/** Runs the job on the current engine and gives the table of results (on the first of several ranks). */
export async function runTraining(job: TrainingJob): Promise<{ table: string; seconds: number }> {
  const { settings, out, title, say, signal } = job;
  const start = Date.now();
  const base = await resolveBase(settings.base);
  const name = await baseName(settings.base);
  const config = await readConfig(base, labelCount(settings));
  const tokenizer = await openTokenizer(base);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new Error(
      `${settings.base}: its tokenizer has ${tokenizer.vocabSize} tokens, its config.json ${config.vocabSize}: they are of two models`,
    );
  }
  const lora = loraConfig({
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    target_modules: settings.targets,
    layers_to_transform: layersFrom(settings.firstLayer, config.layers.length),
    base_model_name_or_path: name,
  });
  const targets = resolveTargets(lora, linearModules(config));
  const dataset = await loadDataset(settings.data, {
    ties: settings.classes === 3 || settings.ties === 'half',
    softLabels: settings.softLabels > 0,
    clean: settings.clean,
    signal,
  });
  sayDataset(dataset, say);
  checkLabels(dataset, settings);
  const { parts, file: splits } = await splitDataset(job, dataset);
  const head = headOf(settings);
  const packOne = headPacker(head, tokenizer);
  const packed =
    (await preparedTokens(job, dataset, base, head)) ??
    parts.train.flatMap((battle) => (settings.swapAugment ? [battle, swapBattle(battle)] : [battle]).map(packOne));
  sayPacking(packed, say);
  const quantization: QuantizationOptions | null = settings.quantize ? { doubleQuant: settings.doubleQuant } : null;
  const isFirst = !job.ranks?.rank;
  const resumed = job.resume && isFirst ? await findCheckpoint(out) : undefined; // the others get it from the first
  const plan = planTraining(job, config, targets, packed);
  const bar = progress({ label: 'opening the base', total: config.layers.length * 7, unit: 'matrices' });
  const model = await loadGemma(base, {
    quantization: quantization ?? undefined,
    ...(resumed ? { adapter: await loadAdapter(resumed.place) } : { lora: { config: lora, seed: settings.seed } }),
    numLabels: config.numLabels,
    scoreSeed: settings.seed,
    scoreStd: settings.headStd,
    onProgress: (done) => bar.update(done),
    signal,
  });
  bar.finish();
  try {
    sayModel(model, settings, say);
    if (await mergedCard(base)) say('an adapter was merged into the base: training goes on from it, with its head');
    // From here on the run can be resumed; a failure above leaves nothing behind.
    if (isFirst) await writeFile(`${out}/run.json`, `${JSON.stringify(settings, null, 2)}\n`);
    if (splits && isFirst) await writeFile(`${out}/splits.json`, `${JSON.stringify(splits, null, 1)}\n`);
    await trainModel(job, model, plan, settings.evalEvery ? parts.validation.map(packOne) : [], resumed);
    let table = '';
    if (isFirst) {
      const { seed } = settings;
      const adapter = await readAdapter(model);
      checkFinite(adapter, settings);
      const card: ModelCard = { format: 'arena-model-1', base: name, ...head, quantization, seed };
      await saveAdapter(`${out}/adapter`, adapter, { 'arena.json': formatModelCard(card) });
      say(`adapter written to ${out}/adapter (PEFT loads it)`);
      table = await evaluateParts({ model, tokenizer, card }, parts, { out, title, seed, signal });
    }
    return { table, seconds: (Date.now() - start) / 1000 };
  } finally {
    await model.dispose();
  }
}

type Parts = { train: Battle[]; validation: Battle[]; test: Battle[] };

function sayDataset(dataset: Dataset, say: (line: string) => void) {
  const { clean, battles } = dataset;
  const drops = describeDrops(dataset);
  say(`${clean.read} battles read, ${battles.length} kept${drops ? `; left out: ${drops}` : ''}`);
}

/** @throws Error when the settings ask for labels that the battles do not have. */
function checkLabels({ battles }: Dataset, { data, classes, softLabels }: TrainingSettings): void {
  const place = data.join(', ');
  if (classes === 3 && !battles.some(({ winner, softLabel }) => winner === 'tie' || softLabel?.[2])) {
    throw new Error(`${place}: there is no tie to learn from; --classes 3 needs them (arena prepare --ties keep)`);
  }
  if (softLabels > 0 && !battles.some(({ softLabel }) => softLabel)) {
    throw new Error(`${place}: no battle has a soft_label or teacher_logits column that --soft-labels could use`);
  }
}

/** The parts, and the file to keep them in when they are new. */
async function splitDataset(
  { settings, out, resume, ranks, say }: TrainingJob,
  { battles, prepared }: Dataset,
): Promise<{ parts: Parts; file?: SplitsFile }> {
  // other ranks need not see the folder: the same data and seed give them the same parts
  if (resume && !ranks?.rank)
    return { parts: applySplits(battles, JSON.parse(await readFile(`${out}/splits.json`, 'utf8'))) };
  if (prepared) {
    const { train, validation, test } = prepared.parts;
    say(`split as prepared: ${train.length} train, ${validation.length} validation, ${test.length} test`);
    return { parts: prepared.parts, file: prepared.file };
  }
  const splits = splitBattles(battles, { seed: settings.seed });
  const { rows, leaks, groups } = splits.report;
  say(`split by prompt (${groups} groups): ${rows.train} train, ${rows.validation} validation, ${rows.test} test`);
  const near = leaks.nearDuplicates ? `, ${leaks.nearDuplicates} prompts that nearly repeat one of another part` : '';
  say(`leaks between the parts: ${leaks.exactPrompts + leaks.normalizedPrompts} prompts${near}`);
  for (const name of ['train', 'test'] as const) {
    if (splits[name].length) continue;
    throw new Error(`the ${name} part is empty: ${battles.length} battles in ${groups} groups are too few`);
  }
  return { parts: splits, file: splitsToFile(splits) };
}

/** The training part's tokens from a prepared folder, when they were made with this tokenizer and packing. */
async function preparedTokens(
  { settings, say }: TrainingJob,
  { prepared }: Dataset,
  base: string,
  { head, pack }: Head,
): Promise<Packed[] | undefined> {
  if (!prepared || settings.swapAugment || head === 'reward') return undefined; // only pairs are prepared
  const cached = await cachedTokens(prepared, 'train', await readFile(`${base}/tokenizer.json`), pack);
  say(cached ? 'tokens as prepared' : 'the prepared tokens are of another tokenizer or packing: packing anew');
  return cached;
}

function sayPacking(packed: Packed[], say: (line: string) => void) {
  const kept = survival(packed);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const tokens = packed.reduce((sum, { ids }) => sum + ids.length, 0);
  say(
    `packed: ${(tokens / packed.length).toFixed(0)} tokens a battle; kept ${percent(kept.prompt)} of the prompts, ` +
      `${percent(kept.responseA)} of A, ${percent(kept.responseB)} of B`,
  );
}

/** @throws Error when training has run away: such an adapter is worth nothing. */
function checkFinite({ weights, score }: AdapterFiles, { learningRate }: TrainingSettings): void {
  const values = [...weights.values()].flatMap(({ A, B }) => [A, B]);
  if (score) values.push(score.values);
  if (values.every((one) => one.every(Number.isFinite))) return;
  throw new Error(
    `training ran away: the adapter holds numbers that are not finite. Lower --learning-rate (${learningRate})`,
  );
}

function layersFrom(first: number, layers: number): number[] {
  if (first >= layers) {
    throw new Error(
      `--first-layer ${first}: the base has ${layers} layers (0 to ${layers - 1}), so no layer would be trained`,
    );
  }
  return Array.from({ length: layers - first }, (_, i) => first + i);
}

async function findCheckpoint(out: string): Promise<Checkpoint | undefined> {
  const folder = await latestCheckpoint(out);
  return folder ? loadCheckpoint(folder) : undefined;
}

function sayModel(model: Classifier, settings: TrainingSettings, say: (line: string) => void) {
  const { layers, hiddenSize } = model.config;
  const numLayers = layers.length;
  const trained = model.lora!.targets.reduce(
    (sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures),
    0,
  );
  const kind = settings.quantize ? `NF4${settings.doubleQuant ? ' with double quantisation' : ''}` : 'float';
  say(
    `base: ${numLayers} layers of width ${hiddenSize}, ${kind}; LoRA r ${settings.rank} on ${settings.targets.join(', ')} ` +
      `of layers ${settings.firstLayer}..${numLayers - 1}: ${trained.toLocaleString('en')} trained numbers`,
  );
}
