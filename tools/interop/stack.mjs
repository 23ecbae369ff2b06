/**
 * @file Arena beside the Python stack, in both directions, on a base of seconds: `node tools/interop/stack.mjs --python PYTHON
 * [--work DIR] [--out FILE]` after `npx -y pnpm@10.34.8 build`. PYTHON has torch, transformers, peft, accelerate, bitsandbytes and
 * tensorboard. A JSON line a check; exit 1 when one fails.
 *   1. What `arena quantize` writes (nf4 nested, nf4, fp4) opened by transformers as it is written; bitsandbytes' save_pretrained by Arena.
 *   2. Each side's adapter on the other side; what `arena merge` writes.
 *   3. What `arena export` writes, continued by the Trainer through its next saves; the Trainer's checkpoint continued by Arena.
 *   4. What `arena train --tensorboard` writes, read by tensorboard.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { forward, readAdapter, trainable } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { loadAdapter, loraConfig, saveAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { loadCheckpoint, saveCheckpoint, train } from '@arena/trainer';
import { restoreProgress } from '@arena/trainer/checkpoint';
import { startScript } from '../../bench/peer.mjs';

const { values: flags } = parseArgs({
  options: { python: { type: 'string' }, work: { type: 'string' }, out: { type: 'string' } },
});
if (!flags.python)
  throw new Error('--python: a Python with torch, transformers, peft, accelerate, bitsandbytes and tensorboard');
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'arena-stack-'));
const at = (...path) => join(work, ...path);
const command = fileURLToPath(new URL('../../packages/cli/dist/bin.js', import.meta.url));
const arena = (...args) => execFileSync(process.execPath, [command, ...args], { encoding: 'utf8' });

const STEPS = 30;
const SAVED = 10;
const OPTIMIZER = { learningRate: 2e-3, weightDecay: 0.01, warmup: 3, schedule: 'linear' };
const ROWS = Array.from({ length: 8 }, (_, i) =>
  Array.from({ length: 5 + 9 * i }, (_, k) => 4 + ((7 * i + 13 * k) % 300)),
);
const SAMPLES = Array.from({ length: 2 * STEPS }, (_, i) => ({
  row: Array.from({ length: 6 + ((i * 5) % 23) }, (_, k) => 4 + ((11 * i + 17 * k) % 300)),
  label: i % 3 === 0 ? 1 : 0,
}));

const engine = await openEngine('wasm', { threads: 2 });
const peer = startScript(flags.python, [fileURLToPath(new URL('stack.py', import.meta.url))], { OMP_NUM_THREADS: '2' });
try {
  await checks();
} finally {
  peer.close();
  engine.dispose();
  if (!flags.work) rmSync(work, { recursive: true, force: true });
}

async function checks() {
  say({ what: 'versions', node: process.version, ...(await peer.ask({ do: 'versions' })) });
  arena('quickstart', '--out', at('start'));
  const base = at('start/base');
  const losses = await trainOurs(base);

  await check("Arena's adapter, opened by PEFT", 1e-5, async () =>
    apart(await ours(base, at('adapter')), await theirs(base, at('adapter'))),
  );
  await peer.ask({ do: 'draw', base, folder: at('drawn') });
  await check("PEFT's adapter, opened by Arena", 1e-5, async () =>
    apart(await ours(base, at('drawn')), await theirs(base, at('drawn'))),
  );
  arena('merge', '--base', base, '--adapter', at('adapter'), '--out', at('merged'));
  await check('arena merge, opened by transformers', 1e-5, async () =>
    apart(await ours(at('merged')), await theirs(at('merged'))),
  );
  for (const [name, type, nested] of [
    ['nf4 nested', 'nf4', true],
    ['nf4', 'nf4', false],
    ['fp4', 'fp4', false],
  ]) {
    const [written, saved] = [at(`quantized-${name}`), at(`bnb-${name}`)];
    await check(`arena quantize ${name}, opened by transformers as written`, 1e-5, async () => {
      arena(
        'quantize',
        '--base',
        at('merged'),
        '--out',
        written,
        '--type',
        type,
        ...(nested ? [] : ['--no-double-quant']),
      );
      return apart(await ours(written), await theirs(written, undefined, 'Linear4bit'));
    });
    await check(`bitsandbytes' save_pretrained ${name}, opened by Arena`, 1e-5, async () => {
      await peer.ask({ do: 'quantize', base: at('merged'), folder: saved, type, nested });
      return apart(await ours(saved), await theirs(saved, undefined, 'Linear4bit'));
    });
  }
  await check('offsets and nested scales of both, unequal bits', 0, () =>
    peer.ask({ do: 'unequal', first: at('quantized-nf4 nested'), second: at('bnb-nf4 nested') }),
  );
  await continued(base, losses);
  await events(base);
}

/** Thirty steps from a drawn adapter, with a checkpoint in the middle: their losses. The adapter of the end is in adapter/. */
async function trainOurs(base) {
  const config = loraConfig({ r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj', 'up_proj'] });
  const model = await loadGemma(base, { lora: { config, seed: 7 }, numLabels: 2 });
  const { log } = await train({
    model: trainable(model),
    batches,
    ...OPTIMIZER,
    maxGradNorm: 1,
    saveEvery: SAVED,
    onSave: (progress) => saved(model, progress),
  });
  await saveAdapter(at('adapter'), await readAdapter(model));
  await model.dispose();
  return log.map(({ loss }) => loss);
}

function saved(model, progress) {
  const info = { totalSteps: STEPS, epochs: 1, batchSize: 2, settings: OPTIMIZER };
  return saveCheckpoint(at('run'), trainable(model), progress, info);
}

function batches() {
  return Array.from({ length: STEPS }, (_, step) => {
    const two = SAMPLES.slice(2 * step, 2 * step + 2);
    const offsets = Int32Array.of(0, two[0].row.length, two[0].row.length + two[1].row.length);
    return { ids: Int32Array.from(two.flatMap(({ row }) => row)), offsets, labels: two.map(({ label }) => label) };
  });
}

/** The exported run in the Trainer's hands, and the Trainer's checkpoint in Arena's. */
async function continued(base, losses) {
  arena('export', '--checkpoint', at(`run/checkpoint-${SAVED}`), '--out', at(`hf/checkpoint-${SAVED}`));
  const settings = { rate: OPTIMIZER.learningRate, decay: OPTIMIZER.weightDecay, warmup: OPTIMIZER.warmup };
  let theirLosses = [];
  await check('arena export, continued by the Trainer through its saves: losses of 20 steps', 1e-5, async () => {
    const from = at(`hf/checkpoint-${SAVED}`);
    const run = { base, from, out: at('hf'), samples: SAMPLES, steps: STEPS, save: SAVED, ...settings };
    theirLosses = (await peer.ask({ do: 'resume', ...run })).losses;
    return apart([losses.slice(SAVED)], [theirLosses]);
  });
  await check("the Trainer's checkpoint-20, continued by Arena: losses of 10 steps", 1e-5, async () => {
    const from = at('hf/checkpoint-20');
    const model = await loadGemma(base, { adapter: await loadAdapter(from) });
    const resume = restoreProgress(await loadCheckpoint(from), trainable(model));
    const { log } = await train({ model: trainable(model), batches, ...OPTIMIZER, maxGradNorm: 1, resume });
    await model.dispose();
    return apart([log.slice(20).map(({ loss }) => loss)], [theirLosses.slice(10)]);
  });
}

/** What tensorboard reads beside the run's own log. */
async function events(base) {
  await check("arena train --tensorboard, read by Python's tensorboard: losses of 12 steps", 1e-6, async () => {
    const out = at('board');
    const short = [
      '--max-steps',
      '12',
      '--first-layer',
      '1',
      '--max-tokens',
      '256',
      '--frame',
      'compact',
      '--no-quantize',
      '--tensorboard',
    ];
    arena('train', '--base', base, '--data', at('start/battles.jsonl'), '--out', out, ...short);
    const { 'train/loss': points } = await peer.ask({ do: 'events', folder: out });
    const log = readFileSync(join(out, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const losses = log.filter(({ loss }) => loss !== undefined);
    return apart(
      points.map(([step, value]) => [step, value]),
      losses.map(({ step, loss }) => [step, loss]),
    );
  });
}

/** Logits of each row by Arena. */
async function ours(folder, adapter) {
  const model = await loadGemma(folder, adapter && { adapter: await loadAdapter(adapter) });
  const all = [];
  for (const row of ROWS) {
    const logits = await forward(model, { ids: Int32Array.from(row), offsets: Int32Array.of(0, row.length) });
    all.push(Array.from(await logits.data()));
    logits.dispose();
  }
  await model.dispose();
  return all;
}

function theirs(folder, adapter, linear) {
  return peer.ask({ do: 'logits', folder, adapter, linear, rows: ROWS });
}

/** The largest difference of two tables. */
function apart(got, want) {
  if (got.length !== want.length || got.some((row, i) => row.length !== want[i].length))
    throw new Error(`${got.length} rows of ${got[0]?.length} beside ${want.length} of ${want[0]?.length}`);
  return Math.max(...got.flatMap((row, i) => row.map((value, k) => Math.abs(value - want[i][k]))));
}

/** Says how far apart two things are, and whether that is within the bound. What throws has failed. */
async function check(what, bound, measure) {
  let line;
  try {
    const difference = await measure();
    line = { what, passed: difference <= bound, difference, bound };
  } catch (error) {
    line = { what, passed: false, error: String(error.message).split('\n')[0] };
  }
  if (!line.passed) process.exitCode = 1;
  say(line);
}

function say(line) {
  console.log(JSON.stringify(line));
  if (flags.out) appendFileSync(flags.out, `${JSON.stringify(line)}\n`);
}
