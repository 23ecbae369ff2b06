/**
 * @file Arena beside transformers and PEFT on one GGUF base, the real Gemma 3 270M:
 *   node tools/interop/gemma3-peft.mjs --python PYTHON [--gguf FILE] [--data FILE] [--work DIR] [--threads 2] [--out FILE]
 * `npx -y pnpm@10.34.8 build` first. PYTHON has torch, transformers, peft, accelerate, gguf and sentencepiece, and bitsandbytes for
 * the last part. Without --gguf it is what `node tools/gemma3-270m.mjs` prints. Exit 1 when a difference is above its bound.
 *   1. Thirty steps from PEFT's own starting weights, the same tokens in the same order, dropout 0: the losses.
 *   2. Each side's trained adapter on the other side: probabilities of 16 battles.
 *   3. What `arena merge` and then `arena quantize` write, opened by transformers: the same probabilities.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { batches } from '@arena/data';
import { readAdapter, scoreSequences, trainable } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { completeSettings, readVotes } from '@arena/judge';
import { cardOf, formatCard } from '@arena/judge/card';
import { objectiveOf, openBase } from '@arena/judge/run';
import { loadAdapter, saveAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { train } from '@arena/trainer';
import { startScript } from '../../bench/peer.mjs';

const STEPS = 30;
const BATCH = 2;
const CHECKED = 16;
const LOSS_BOUND = 1e-4;
const PROBABILITY_BOUND = 1e-4;
const OPTIMIZER = { rate: 2e-4, warmup: 3, decay: 0.01, clip: 1 };

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    gguf: { type: 'string' },
    data: { type: 'string' },
    work: { type: 'string' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
});
if (!flags.python)
  throw new Error('--python: a Python with torch, transformers, peft, accelerate, gguf and sentencepiece');
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(root, script), ...args], { encoding: 'utf8' }).trim();
const gguf = flags.gguf ?? run('tools/gemma3-270m.mjs');
const data = flags.data ?? join(root, '../shared/data/arena-like.jsonl');
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'arena-interop-'));
const at = (name) => join(work, name);
const threads = Number(flags.threads);
// large tensors come from the heap and stay there: mapping pages anew for each is slow in some sandboxes
const environment = {
  ...Object.fromEntries(['OMP', 'OPENBLAS', 'MKL'].map((library) => [`${library}_NUM_THREADS`, flags.threads])),
  OMP_WAIT_POLICY: 'PASSIVE',
  MALLOC_MMAP_THRESHOLD_: String(2 ** 32),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
};

const report = { steps: [], differences: [] };
const engine = await openEngine('wasm', { threads });
const peer = startScript(flags.python, [fileURLToPath(new URL('gemma3-peft.py', import.meta.url))], environment);
try {
  await compare();
} finally {
  peer.close();
  engine.dispose();
  if (flags.out) writeFileSync(flags.out, `${JSON.stringify(report, null, 1)}\n`);
  if (!flags.work) rmSync(work, { recursive: true, force: true });
}

async function compare() {
  report.versions = { node: process.version, ...(await peer.ask({ do: 'versions', threads })) };
  report.load = loadavg()[0];
  say(JSON.stringify(report.versions));

  const settings = completeSettings({ base: gguf, data: [data], maxTokens: 256, dropout: 0, quantize: 'stored' });
  const objective = objectiveOf(settings);
  const base = await openBase(gguf);
  const { battles } = await readVotes(data, { name: data });
  const pack = objective.packer(base.tokenizer);
  const packed = battles.slice(0, STEPS * BATCH + CHECKED).map(pack);
  const micro = Array.from(batches(packed.slice(0, STEPS * BATCH), { batchSize: BATCH, order: 'hf', seed: 42 }));
  const checked = packed.slice(STEPS * BATCH).map(({ ids }) => ids);
  const rows = checked.map((ids) => Array.from(ids));

  const layers = base.config.layers.map((_, i) => i).slice(settings.firstLayer);
  const { rank, alpha, targets, seed } = settings;
  const started = await peer.ask({ do: 'start', gguf, folder: at('start'), rank, alpha, targets, layers, seed });
  say(
    `transformers opened the base as ${started.class}; PEFT trains ${started.trained} numbers in ${started.tensors} tensors`,
  );

  const ours = await trainOurs(micro, objective, settings, base);
  const own = await probabilities(ours.model, checked);
  await ours.model.dispose();
  const theirs = await peer.ask({
    do: 'train',
    folder: at('peft'),
    batches: micro.map((one) => ({ rows: sequences(one), labels: Array.from(one.labels) })),
    ...OPTIMIZER,
  });
  const peftOwn = await peer.ask({ do: 'probabilities', rows });
  for (const [i, loss] of theirs.losses.entries()) {
    report.steps.push({
      step: i + 1,
      ours: ours.log[i].loss,
      theirs: loss,
      ourNorm: ours.log[i].grad_norm,
      theirNorm: theirs.norms[i],
    });
  }
  note(
    'losses of the steps',
    report.steps.map(({ ours }) => [ours]),
    report.steps.map(({ theirs }) => [theirs]),
    LOSS_BOUND,
  );
  note('probabilities after the steps, each side its own adapter', own, peftOwn, 10 * PROBABILITY_BOUND);

  await peer.ask({ do: 'adapter', gguf, folder: at('arena/adapter') });
  note("Arena's adapter, opened by PEFT", own, await peer.ask({ do: 'probabilities', rows }), PROBABILITY_BOUND);
  const back = await loadGemma(gguf, { adapter: await loadAdapter(at('peft')) });
  note("PEFT's adapter, opened by Arena", await probabilities(back, checked), peftOwn, PROBABILITY_BOUND);
  await back.dispose();

  say(
    run('packages/cli/dist/bin.js', 'merge', '--base', gguf, '--adapter', at('arena/adapter'), '--out', at('merged')),
  );
  await opened('merged');
  note(
    'what arena merge wrote, opened by transformers',
    own,
    await peer.ask({ do: 'probabilities', rows }),
    PROBABILITY_BOUND,
  );
  if (!report.versions.bitsandbytes) return say('arena quantize was not run: there is no bitsandbytes');
  await quantized(checked, rows);
}

/** What `arena quantize` makes of the merged checkpoint: 4 bits by bitsandbytes, in Arena's hands and in transformers'. */
async function quantized(checked, rows) {
  say(run('packages/cli/dist/bin.js', 'quantize', '--base', at('merged'), '--out', at('quantized')));
  const model = await loadGemma(at('quantized'));
  const own = await probabilities(model, checked);
  await model.dispose();
  await opened('quantized');
  note(
    'what arena quantize wrote, opened by transformers',
    own,
    await peer.ask({ do: 'probabilities', rows }),
    PROBABILITY_BOUND,
  );
}

/** The steps from the adapter that Python wrote; the adapter is then in arena/adapter. */
async function trainOurs(micro, objective, settings, base) {
  const model = await loadGemma(gguf, { adapter: await loadAdapter(at('start')) });
  const { log } = await train({
    model: trainable(model, { loss: objective.loss }),
    batches: () => micro.map((one) => ({ ...one, labels: objective.targets(one) })),
    learningRate: OPTIMIZER.rate,
    warmup: OPTIMIZER.warmup,
    weightDecay: OPTIMIZER.decay,
    maxGradNorm: OPTIMIZER.clip,
    onStep: ({ step, loss }) => console.error(`Arena step ${step} of ${micro.length}: loss ${loss.toFixed(4)}`),
  });
  await saveAdapter(at('arena/adapter'), await readAdapter(model), {
    'arena.json': formatCard(cardOf(objective, base, settings)),
  });
  return { model, log };
}

/** Lets transformers open a folder, and says what it made of it. */
async function opened(name) {
  const info = await peer.ask({ do: 'checkpoint', folder: at(name) });
  say(`transformers opened ${name}: ${JSON.stringify(info)}`);
  report[name] = info;
  return info;
}

async function probabilities(model, rows) {
  const all = [];
  for (const row of rows) all.push(Array.from((await scoreSequences(model, [row]))[0]));
  return all;
}

/** The token rows of a batch. */
function sequences({ ids, offsets }) {
  return Array.from({ length: offsets.length - 1 }, (_, i) => Array.from(ids.slice(offsets[i], offsets[i + 1])));
}

/** Keeps the largest difference of two tables of numbers, and whether it is within its bound. */
function note(what, got, want, bound) {
  if (got.length !== want.length) throw new Error(`${what}: ${got.length} rows beside ${want.length}`);
  const difference = Math.max(...got.flatMap((row, i) => row.map((value, j) => Math.abs(value - want[i][j]))));
  const passed = difference <= bound;
  report.differences.push({ what, difference, bound, passed });
  say(`${passed ? 'ok  ' : 'FAIL'} ${what}: ${difference.toExponential(2)} at most (bound ${bound})`);
  if (!passed) process.exitCode = 1;
}

function say(line) {
  console.log(line);
}
