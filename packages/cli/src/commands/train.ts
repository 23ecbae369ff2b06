/** @file `arena train`: trains a judge on votes. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { completeSettings, DEFAULT_SETTINGS, type TrainingSettings } from '@arena/judge';
import { checkSettings } from '@arena/judge/settings';
import type { MpiCommunicator } from '@arena/mpi';
import { DeviceLostError, type Engine } from '@arena/runtime';
import { latestCheckpoint } from '@arena/trainer/checkpoint';
import { Command } from 'commander';
import { openDashboard } from '../dashboard/server.js';
import { byteSize, integer } from '../flags/arguments.js';
import { addCleanOption } from '../flags/clean-option.js';
import { addOpposites, configWords } from '../flags/config-file.js';
import { addEngineOptions, type EngineFlags, engineInWords, openFlagged } from '../flags/engine-option.js';
import { addNamingOptions } from '../flags/naming-options.js';
import { VOTES } from '../flags/places.js';
import { settingOption } from '../flags/setting-option.js';
import { onInterrupt } from '../interrupt.js';
import { isObject, readJson } from '../json-file.js';
import { withOutput } from '../output-folder.js';
import { duration, muteProgress } from '../progress.js';
import { withRanks } from '../ranks.js';
import { shellWord } from '../shell-word.js';
import { runTraining } from '../train/training.js';

type TrainFlags = Omit<TrainingSettings, 'targets'> &
  EngineFlags & {
    out: string;
    targets?: string;
    resume: boolean;
    memory?: number;
    saveEvery: number;
    keep: number;
    tensorboard: boolean;
    profile: boolean;
    dashboard?: number | true;
  };

/**
 * Checks flags of `arena train` in a file, and their values.
 * @throws Error or CommanderError naming the one that is wrong.
 */
export function checkTrainFlags(path: string, config: Record<string, unknown>): void {
  const train = new Command('train').exitOverride().configureOutput({ writeErr: () => {} });
  define(train);
  addOpposites(train);
  train.action(() => {}).parse(configWords(path, config, train), { from: 'user' });
}

export function define(command: Command): void {
  command
    .requiredOption(
      '--base <dir|hub-id>',
      'base with its tokenizer: a folder, a GGUF file, or a hub id (owner/name[@revision]), which is downloaded once',
    )
    .requiredOption('--data <file...>', VOTES)
    .requiredOption('--out <dir>', 'new or empty folder for the results')
    .addOption(settingOption('--recipe <name>', 'settings that runs showed to be good, where no flag says otherwise'))
    .addOption(settingOption('--max-tokens <n>', 'longest packed battle'))
    .addOption(
      settingOption('--frame <name>', "text around the fields: Gemma's chat turns, or few tokens for small models"),
    )
    .addOption(
      settingOption('--loss <name>', 'a classifier that sees both answers, or a reward model that scores each alone'),
    )
    .addOption(settingOption('--classes <n>', 'classes with cross entropy: A and B, or A, B and tie'))
    .addOption(settingOption('--ties <what>', 'ties with two classes or Bradley-Terry: left out, or half of each'))
    .addOption(settingOption('--label-smoothing <x>', 'share of every target that is spread over the classes'))
    .addOption(
      settingOption('--soft-labels <share>', "share of the data's soft_label or teacher_logits in the targets"),
    )
    .addOption(settingOption('--rank <n>', 'LoRA rank'))
    .addOption(settingOption('--alpha <n>', 'LoRA alpha'))
    .addOption(settingOption('--dropout <p>', 'LoRA dropout'))
    .addOption(settingOption('--targets <list>', 'linear modules that get adapters'))
    .addOption(settingOption('--layers <n>', 'first layers of the base, as many as this: a smaller and faster judge'))
    .addOption(settingOption('--first-layer <n>', 'layers below have no adapters'))
    .addOption(settingOption('--epochs <n>', 'passes over the training part'))
    .addOption(settingOption('--batch-size <n>', 'battles a batch'))
    .addOption(settingOption('--tokens-per-batch <n>', 'tokens a batch, in place of --batch-size'))
    .addOption(settingOption('--accumulation <n>', 'batches an optimizer step'))
    .addOption(
      settingOption(
        '--optimizer <name>',
        'AdamW, or with the moments of larger tensors in 8 bits, as bitsandbytes keeps them',
      ),
    )
    .addOption(settingOption('--learning-rate <x>', 'peak learning rate'))
    .addOption(settingOption('--schedule <name>', 'learning-rate schedule'))
    .addOption(settingOption('--warmup <x>', 'steps of warm-up, or a share of all steps below 1'))
    .addOption(settingOption('--weight-decay <x>', 'AdamW weight decay'))
    .addOption(settingOption('--max-grad-norm <x>', 'clip gradients to this norm; 0 for never'))
    .addOption(settingOption('--head-std <x>', 'standard deviation of the new head'))
    .addOption(settingOption('--lora-plus <x>', 'B of the adapters learns this many times as fast as A (LoRA+)'))
    .addOption(settingOption('--head-rate <x>', 'the head learns this many times as fast as A'))
    .addOption(settingOption('--swap-augment', 'train on each battle also with A and B exchanged'))
    .addOption(
      settingOption(
        '--eval-every <n>',
        'measure the validation part every n steps, or a share of all below 1, and end with the best weights',
      ),
    )
    .addOption(
      settingOption(
        '--style <how>',
        'length, lines, lists, code of the answers: not used, joined to the trained judge where validation votes say so, or held in the loss, so that the model learns the rest',
      ),
    )
    .addOption(settingOption('--metric <name>', 'what decides which weights are best'))
    .addOption(settingOption('--patience <n>', 'stop after n measurements without an improvement (with --eval-every)'))
    .option('--save-every <n>', 'steps between two checkpoints', integer(1), 500)
    .option('--keep <n>', 'checkpoints that are kept, the newest', integer(1), 2)
    .option('--tensorboard', 'write TensorBoard event files to OUT/tensorboard', false)
    .option(
      '--dashboard [port]',
      'serve a local page with live charts of this run and others beside it',
      integer(0, 65535),
    )
    .option('--profile', 'say at the end which ops the time of the steps went to', false)
    .addOption(settingOption('--seed <n>', 'seed of split, order, adapter and dropout'))
    .addOption(settingOption('--max-steps <n>', 'stop after this many optimizer steps'))
    .addOption(
      settingOption(
        '--quantize <how>',
        "the base's linears: nf4, none (float) or stored (as the file has them); auto: stored where that is 4-bit or GGUF blocks, else nf4",
      ),
    )
    .option('--no-quantize', 'the same as --quantize none')
    .option('--no-double-quant', 'NF4 without double quantisation')
    .option('--memory <size>', 'memory that a step may take, such as 6GB (default 80 % of what is free)', byteSize)
    .option('--resume', 'go on from the newest checkpoint in --out', false);
  addEngineOptions(addCleanOption(addNamingOptions(command)))
    .addHelpText('after', SEVERAL)
    .action((flags: TrainFlags, own: Command) =>
      withRanks('train', (ranks) => trainCommand(flags.recipe ? withoutDefaults(flags, own) : flags, ranks)),
    );
}

const SEVERAL = `
Several processes: mpirun -np 2 arena train ... --accumulation 4 (or srun, or Kubernetes' MPI operator). Each takes every second batch
of a step; the adapter is that of one process with the same flags, byte for byte. Needs the package koffi and Open MPI or MPICH.`;

/** What a run leaves that is killed before its run.json is there. */
const UNBEGUN = /^(splits\.json|(splits|run)\.json\.[\da-f-]{36}\.tmp)$/;

async function trainCommand(flags: TrainFlags, ranks: MpiCommunicator | null): Promise<void> {
  const settings = settingsOf(flags);
  if (ranks) checkShares(settings, ranks);
  if (ranks?.rank) {
    muteProgress();
    return trainInto(flags, settings, ranks);
  }
  const { out, resume } = flags;
  if (resume) await checkResumed(out, settings);
  const leftovers = existsSync(join(out, 'run.json')) ? undefined : UNBEGUN;
  const hint = 'choose another --out, or add --resume';
  await withOutput(out, () => trainInto(flags, settings, ranks), { hint, goesOn: resume, leftovers });
}

async function trainInto(
  { out, resume, memory, targets, ...flags }: TrainFlags,
  settings: TrainingSettings,
  ranks: MpiCommunicator | null,
): Promise<void> {
  const signal = onInterrupt();
  const {
    engine: engineName,
    threads,
    wide,
    blas,
    gpu,
    bf16,
    cublaslt,
    f16,
    saveEvery,
    keep,
    tensorboard,
    profile,
    dashboard,
  } = flags;
  const isFirst = !ranks?.rank;
  const engine = await openFlagged(
    { engine: engineName, threads, wide, blas, gpu, bf16, cublaslt, f16 },
    { memoryBudget: memory, shares: Boolean(ranks), triesWide: true },
  );
  signal.throwIfAborted();
  const say = isFirst ? (line: string) => console.log(line) : () => {};
  const computedOn = engineInWords(engine);
  say(`engine ${computedOn}`);
  if (ranks) say(`${ranks.size} processes (${ranks.library}), each with every ${ranks.size}th batch of a step`);
  const page =
    dashboard === undefined || !isFirst
      ? undefined
      : await openDashboard(dirname(resolve(out)), dashboard === true ? 0 : dashboard);
  if (page) say(`dashboard: ${page.url}`);
  try {
    const title = `${settings.data.join(', ')} with ${settings.base}`;
    const watching = { saveEvery, keep, tensorboard, profile, say, signal };
    const job = {
      settings,
      computedOn,
      memoryBytes: memoryOf(engine, memory),
      halves: engine.halves,
      out,
      resume,
      title,
      ranks: ranks ?? undefined,
      ...watching,
    };
    const { table, seconds } = await runTraining(job);
    if (!isFirst) return;
    say(`\n${table}\n`);
    say(`${out}/report.html has the rest. ${duration(seconds)} in all.`);
    say(
      `next: arena predict --base ${shellWord(settings.base)} --adapter ${shellWord(`${out}/adapter`)} --prompt "…" --a "…" --b "…"`,
    );
  } catch (error) {
    throw error instanceof DeviceLostError ? new Error(await lostDeviceMessage(error, out)) : error;
  } finally {
    page?.close();
    engine.dispose();
  }
}

/** The settings among the flags. @throws JudgeError when they contradict each other. */
function settingsOf({ out: _, resume, memory, targets, ...flags }: TrainFlags): TrainingSettings {
  const { engine, threads, wide, blas, gpu, bf16, cublaslt, f16, ...others } = flags;
  const { saveEvery, keep, tensorboard, profile, dashboard, ...rest } = others;
  const settings = completeSettings({ ...rest, targets: targets?.split(',').map((name) => name.trim()) });
  checkSettings(settings);
  return settings;
}

/** The flags without those of settings that nobody gave: a recipe comes before the defaults. */
function withoutDefaults(flags: TrainFlags, command: Command): TrainFlags {
  const isStandard = (key: string) => key in DEFAULT_SETTINGS && command.getOptionValueSource(key) === 'default';
  return Object.fromEntries(Object.entries(flags).filter(([key]) => !isStandard(key))) as TrainFlags;
}

/** The error message for a lost GPU, with the way to resume. */
export async function lostDeviceMessage({ message }: DeviceLostError, out: string): Promise<string> {
  const checkpoint = await latestCheckpoint(out);
  if (!checkpoint) return `${message}; no checkpoint was saved yet (--save-every): start the run again`;
  return `${message}; the same command with --resume continues from ${checkpoint}`;
}

/** Checks that every rank has a batch in a step. */
function checkShares({ accumulation }: TrainingSettings, { size }: MpiCommunicator): void {
  if (accumulation >= size) return;
  throw new Error(
    `--accumulation ${accumulation}: a step of so few batches leaves some of the ${size} processes without work; ` +
      `give ${size} or a multiple (--batch-size and --accumulation make the global batch)`,
  );
}

/** Checks that a resumed run has the settings of the first one. */
async function checkResumed(out: string, settings: TrainingSettings): Promise<void> {
  const path = `${out}/run.json`;
  const read = await readJson(path, { advice: `there is no run to resume in ${out}` });
  if (!isObject(read)) throw new Error(`${path}: the settings of a run are expected; start it anew in another --out`);
  const { recipe, ...stored } = read as unknown as TrainingSettings; // it holds what the recipe set then
  const before = trainedBy({ ...completeSettings(stored), recipe }); // earlier versions said less
  const now = trainedBy(settings);
  const differing = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]),
  );
  if (differing.length) {
    const changes = differing.map((key) => `${key} ${JSON.stringify(before[key])} -> ${JSON.stringify(now[key])}`);
    throw new Error(`${path}: --resume needs the settings of the run: ${changes.join(', ')}`);
  }
}

/** Settings that decide the steps: a style that is fitted after them may be asked for or not. */
function trainedBy({
  style,
  hubBase: _,
  hubData: __,
  computedOn: ___,
  ...rest
}: TrainingSettings): Record<string, unknown> {
  return JSON.parse(JSON.stringify(style === 'offset' ? { ...rest, style } : rest));
}

/** The memory to plan a step for. A GPU's allocator keeps some blocks larger than their content. */
function memoryOf({ deviceBytes }: Engine, asked: number | undefined): number | undefined {
  return deviceBytes === undefined ? asked : 0.9 * deviceBytes;
}
