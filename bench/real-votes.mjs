/**
 * @file Judges of real votes on Gemma 3 270M beside PEFT and baselines, one command for the whole table:
 *   node bench/real-votes.mjs --runs DIR [--data FILE] [--base FILE.gguf] [--python PYTHON] [--only PATTERN] [--plan] [--write]
 *     [--node PATH] [--engine-flags=--wide] [--threads 2] [--write-only]
 *   To try the bench itself: --kept FILE.jsonl --max-steps 4.
 * `npx -y pnpm@10.34.8 build` first. It takes hours, and goes on where it was stopped: a finished run is a folder of DIR with figures, an
 * unfinished one of `arena train` resumes from its checkpoint. Figures are lines of docs/benchmarks/real-votes.jsonl, one a run;
 * --write makes the tables of docs/benchmarks/real-votes.md from them, --write-only does nothing else. --plan prints the runs and which are done.
 * The peer's PYTHON has torch, transformers, peft, accelerate, gguf and sentencepiece (pip); without it its runs are left out.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { completeSettings } from '@arena/judge';
import { evaluationOf, objectiveOf, openBase } from '@arena/judge/run';
import { baselineFigures, cascadeWith, figuresOf, readLines, stepsOf } from './real-votes/figures.mjs';
import { letterPredictions } from './real-votes/letters.mjs';
import { peerEvaluation, writePeerInput } from './real-votes/peer.mjs';
import { runProcess } from './real-votes/process.mjs';
import { COMMON, runsOf, SPLIT_SEED, TEACHER } from './real-votes/runs.mjs';
import { writeTables } from './real-votes/tables.mjs';
import { partsOf, preparedFolder, softFolder, sourcesOf } from './real-votes/votes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string' },
    data: { type: 'string', default: join(root, '../shared/data/arena-like.jsonl') },
    base: { type: 'string' },
    python: { type: 'string' },
    only: { type: 'string', default: '' },
    plan: { type: 'boolean' },
    write: { type: 'boolean' },
    'write-only': { type: 'boolean' },
    node: { type: 'string', default: process.execPath },
    'engine-flags': { type: 'string', default: '' },
    threads: { type: 'string', default: '2' },
    kept: { type: 'string' },
    'max-steps': { type: 'string' },
  },
});
const KEPT = flags.kept ?? join(root, 'docs/benchmarks/real-votes.jsonl');
const PAGE = join(root, 'docs/benchmarks/real-votes.md');
const cli = join(root, 'packages/cli/dist/bin.js');
const threads = Number(flags.threads);
if (flags['max-steps'] && !flags.kept) throw new Error('--max-steps is for trying the bench: give --kept, too');
const limit = flags['max-steps'] ? { maxSteps: Number(flags['max-steps']) } : {};
const engineFlags = flags['engine-flags'].split(' ').filter(Boolean);

if (flags['write-only']) await writeTables(KEPT, PAGE);
else await main();

async function main() {
  if (!flags.runs) throw new Error('--runs: a folder for the runs, outside of the repository');
  const runs = resolve(flags.runs);
  const wanted = new RegExp(flags.only);
  if (flags.plan) return printPlan(wanted, runs);
  await mkdir(runs, { recursive: true });
  const base =
    flags.base ?? execFileSync(process.execPath, [join(root, 'tools/gemma3-270m.mjs')], { encoding: 'utf8' }).trim();
  const context = { runs, base, data: resolve(flags.data), cli, splitSeed: SPLIT_SEED, maxTokens: COMMON.maxTokens };
  if (!flags.python)
    console.log("the peer's runs are left out: --python names a Python with torch, transformers and peft");
  const failed = new Set();
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      stopped = true; // the run in progress is told, too (process.mjs), and saves its state
    });
  }
  while (!stopped) {
    // what the first stage chose decides the later runs: read the list anew
    const rows = await readLines(KEPT);
    const next = runsOf(rows).find(
      (run) =>
        wanted.test(run.key) && !failed.has(run.key) && (flags.python || run.who !== 'peft') && !rowOf(rows, run),
    );
    if (!next) break;
    console.log(`${new Date().toISOString().slice(0, 16)} ${next.key}`);
    try {
      const row = await carryOut(next, context);
      await keep(row);
      const { validation, test } = row;
      console.log(
        `  validation ${validation.logLoss[0]} ${validation.accuracy[0]}, test ${test.logLoss[0]} ${test.accuracy[0]}`,
      );
      if (flags.write) await writeTables(KEPT, PAGE);
    } catch (error) {
      failed.add(next.key);
      console.error(`  ${next.key}: ${error.message}`);
      process.exitCode = 1;
    }
  }
  if (flags.write) await writeTables(KEPT, PAGE);
}

async function printPlan(wanted, runs) {
  const rows = await readLines(KEPT);
  for (const run of runsOf(rows).filter(({ key }) => wanted.test(key))) {
    const state = rowOf(rows, run) ? 'done' : existsSync(join(runs, run.key)) ? 'begun' : 'to do';
    console.log(`${state.padEnd(5)}  stage ${run.stage}  ${run.key}  ${JSON.stringify(run.settings)}`);
  }
}

/** A run to its end. @returns its line */
async function carryOut(run, context) {
  const folder = join(context.runs, run.key);
  const whole = await preparedFolder(context, run.share);
  const prepared = run.settings.softLabels
    ? await softFolder(whole, (votes, to) => askTeacher(context, votes, to))
    : whole;
  const parts = await partsOf(prepared);
  const sources = sourcesOf(context.data);
  const shared = { key: run.key, stage: run.stage, who: run.who, name: run.name };
  if (run.who === 'baseline' && run.name !== 'letters') {
    return { ...shared, ...baselineFigures(run.name, parts, sources) };
  }
  const settings = completeSettings({
    base: context.base,
    data: [prepared],
    ...COMMON,
    ...run.settings,
    ...limit,
    seed: run.seed,
  });
  const doing = { baseline: letters, arena: trainArena, peft: trainPeft }[run.who];
  const { log, ...did } = await doing(folder, settings, parts);
  const differing =
    run.who === 'baseline' ? {} : { settings: { ...COMMON, ...run.settings, ...limit }, seed: run.seed };
  return {
    ...shared,
    ...differing,
    splitSeed: SPLIT_SEED,
    share: run.share,
    trainBattles: parts.train.length,
    ...(await figuresOf(folder, parts, sources)),
    ...(run.settings.layers ? { cascade: await cascadeWith(folder, join(context.runs, TEACHER), parts) } : {}),
    ...(log ? await stepsOf(folder) : {}),
    ...did,
    machine: { cpu: cpus()[0].model.trim(), cores: cpus().length, threads, loadAtEnd: Number(loadavg()[0].toFixed(1)) },
  };
}

/** A run of `arena train`, resumed where it was stopped. Times of its parts are kept, so that they add up. */
async function trainArena(folder, settings, parts) {
  const times = await readLines(`${folder}.times.jsonl`);
  if (!existsSync(join(folder, 'metrics.json'))) {
    const began = existsSync(join(folder, 'run.json'));
    const words = [
      cli,
      'train',
      '--out',
      folder,
      ...flagsOf(settings),
      '--save-every',
      '20',
      '--keep',
      '1',
      ...engineFlags,
    ];
    let trainSeconds;
    await runProcess(flags.node, began ? [...words, '--resume'] : words, {
      log: `${folder}.log`,
      onLine: (line, now) => {
        if (/^trained \d+ steps/.test(line)) trainSeconds = now;
      },
      ended: async ({ seconds, peakBytes }) => {
        times.push({ seconds, peakBytes, trainSeconds: trainSeconds ?? seconds });
        await writeFile(`${folder}.times.jsonl`, times.map((one) => `${JSON.stringify(one)}\n`).join(''));
      },
    });
  }
  const sum = (name) => times.reduce((total, one) => total + one[name], 0);
  const { steps } = await stepsOf(folder);
  const tokens = await trainedTokens(settings, parts, steps);
  return {
    log: true,
    seconds: Math.round(sum('seconds')),
    trainSeconds: Math.round(sum('trainSeconds')),
    tokensPerSecond: Math.round(tokens / sum('trainSeconds')),
    peakMB: Math.round(Math.max(...times.map((one) => one.peakBytes)) / 1e6),
    versions: { node: execFileSync(flags.node, ['--version'], { encoding: 'utf8' }).trim() },
    engineFlags,
  };
}

/** Predictions of the larger judge on votes, one order: it is a reward model. */
async function askTeacher({ runs, base, cli: command }, votes, to) {
  const adapter = join(runs, TEACHER, 'adapter');
  if (!existsSync(adapter)) throw new Error(`${adapter}: the judge to learn from is not there yet`);
  const words = [
    command,
    'predict',
    '--base',
    base,
    '--adapter',
    adapter,
    '--data',
    votes,
    '--out',
    to,
    ...engineFlags,
  ];
  await runProcess(flags.node, words, { log: `${to}.log` });
}

/** The same by transformers and PEFT, with Arena's tokens. */
async function trainPeft(folder, settings, parts) {
  const result = join(folder, 'peer-result.json');
  if (!existsSync(result)) {
    await writePeerInput(folder, settings, parts, threads);
    // large tensors come from the heap and stay there: mapping pages anew for each is slow in some sandboxes
    const heap = { MALLOC_MMAP_THRESHOLD_: String(2 ** 32), MALLOC_TRIM_THRESHOLD_: String(2 ** 33) };
    const script = join(root, 'bench/peer-votes.py');
    const env = { ...heap, OMP_NUM_THREADS: flags.threads, OMP_WAIT_POLICY: 'PASSIVE' };
    await runProcess(flags.python, [script, folder], { log: `${folder}.log`, env });
  }
  const { seconds, trainSeconds, tokens, peakBytes, versions } = JSON.parse(await readFile(result, 'utf8'));
  await writeEvaluation(folder, await peerEvaluation(folder, parts, folder));
  return {
    log: true,
    seconds: Math.round(seconds),
    trainSeconds: Math.round(trainSeconds),
    tokensPerSecond: Math.round(tokens / trainSeconds),
    peakMB: Math.round(peakBytes / 1e6),
    versions,
  };
}

/** The letters of the base, without training. */
async function letters(folder, { base, maxTokens }, parts) {
  if (!existsSync(join(folder, 'metrics.json'))) {
    const wide = engineFlags.includes('--wide');
    const [validation, test] = await letterPredictions(base, [parts.validation, parts.test], {
      maxTokens,
      threads,
      wide,
    });
    const input = { predictions: test, battles: parts.test, train: parts.train, title: 'letters', seed: SPLIT_SEED };
    await mkdir(folder, { recursive: true });
    const held = { predictions: validation, battles: parts.validation };
    await writeEvaluation(folder, evaluationOf({ ...input, validation: held }));
  }
  return {};
}

async function writeEvaluation(folder, { files }) {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

/** Tokens of the steps that were taken: of the whole passes, and the share of the last. */
async function trainedTokens(settings, parts, steps) {
  const { tokenizer } = await openBase(settings.base);
  const pack = objectiveOf(settings).packer(tokenizer);
  const tokens = parts.train.reduce((sum, battle) => sum + pack(battle).ids.length, 0);
  const orders = settings.swapAugment ? 2 : 1;
  return (tokens * orders * steps) / Math.ceil((parts.train.length * orders) / settings.batchSize);
}

/** Settings as flags of `arena train`. */
function flagsOf(settings) {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (key === 'doubleQuant' || value === undefined || value === false) return []; // its default
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, Array.isArray(value) ? value.join(',') : String(value)];
  });
}

/** The line of a run, unless it is of other settings. */
function rowOf(rows, { key, who, settings }) {
  const row = rows.find((one) => one.key === key);
  if (!row || who === 'baseline') return row;
  return JSON.stringify(row.settings) === JSON.stringify({ ...COMMON, ...settings, ...limit }) ? row : undefined;
}

/** Adds a line, or replaces that of the same key. */
async function keep(row) {
  const rows = (await readLines(KEPT)).filter(({ key }) => key !== row.key);
  await writeFile(`${KEPT}.part`, [...rows, row].map((one) => `${JSON.stringify(one)}\n`).join(''));
  await rename(`${KEPT}.part`, KEPT);
}
