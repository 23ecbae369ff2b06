/**
 * @file Times a training step by shape, Arena's ways and the Python stack's in turn:
 *   node bench/step.mjs [--shapes tiny,mid,wide2] [--ways own,blas,bf16] [--peer PYTHON] [--peer-dtypes float32,bfloat16]
 * Prints seconds, tokens/s, GFLOP/s, peak memory and the share of each op, and the load that other processes put on the
 * machine meanwhile; with a peer the ratio of each way to its fastest form.
 * --shapes      of bench/shapes.mjs
 * --ways        own (our kernels, the default), blas (the machine's library), bf16 (the same in bfloat16), wide (256-bit vectors)
 * --blas PATH   the library of blas and bf16 (default: as the command finds it)
 * --peer        a Python with torch, transformers, peft and bitsandbytes: the same steps on the same checkpoint and tokens
 * --steps N     timed steps after one that warms up (default 3; of full-size shapes one, cold)
 * --base        a checkpoint of the one shape that is asked for, a folder or a GGUF file, in place of random weights
 *               (`node bench/random-base.mjs DIR` writes a folder for `full`); a GGUF base is trained as it is stored, others in NF4
 * --memory 6GB, --recompute N, --threads 2, --out FILE
 * Each way is a process of its own for each shape, so that its peak memory is its own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseGemmaConfig, readConfig } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { Mt19937 } from '@arena/random';
import { startPeer, startScript } from './peer.mjs';
import { SHAPES, stepFlops } from './shapes.mjs';

const { values: flags } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'tiny,mid,wide2' },
    ways: { type: 'string', default: 'own' },
    blas: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string' },
    base: { type: 'string' },
    memory: { type: 'string' },
    recompute: { type: 'string' },
    peer: { type: 'string' },
    'peer-dtypes': { type: 'string', default: 'float32,bfloat16' },
    out: { type: 'string' },
  },
});
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const OURS = fileURLToPath(new URL('step/ours.mjs', import.meta.url));
const threads = Number(flags.threads);
const WAYS = {
  own: { blas: 'off' },
  blas: { blas: flags.blas },
  bf16: { blas: flags.blas, bf16: true },
  wide: { blas: 'off', wide: true },
};

const names = flags.shapes.split(',');
const ways = flags.ways.split(',');
for (const name of names)
  if (!SHAPES[name]) throw new Error(`--shapes ${name}: ${Object.keys(SHAPES).join(', ')} are known`);
for (const way of ways) if (!WAYS[way]) throw new Error(`--ways ${way}: ${Object.keys(WAYS).join(', ')} are known`);
if (flags.base && names.length > 1)
  throw new Error('--base is a checkpoint of one shape: name that alone with --shapes');

const results = [];
for (const name of names) results.push(await runShape(name, SHAPES[name]));
const report = formatReport(results);
console.log(report);
if (flags.out) writeFileSync(flags.out, report);

async function runShape(name, shape) {
  const folder = flags.base ?? mkdtempSync(join(tmpdir(), 'arena-bench-'));
  const runners = [];
  try {
    if (!flags.base) await writeRandomCheckpoint(folder, shape.config, { seed: 1 });
    const config = await readConfig(folder);
    checkBase(config, parseGemmaConfig(JSON.stringify(shape.config)), name);
    const layers = config.layers.map((_, layer) => layer).slice(shape.firstLayer);
    const tokens = shape.lengths.reduce((a, b) => a + b, 0);
    const request = { do: 'load', folder, layers, targets: shape.targets ?? ALL, rank: 16, alpha: 32 };
    for (const way of ways) {
      const ours = startScript(process.execPath, [OURS, JSON.stringify({ threads, ...WAYS[way] })], {});
      const runner = { name: way, steps: [], ...ours };
      runners.push(runner);
      runner.versions = await ours.ask({ do: 'versions' });
      runner.load = await ours.ask({
        ...request,
        tokens,
        memory: flags.memory ? Number.parseFloat(flags.memory) * 1e9 : undefined,
        recompute: flags.recompute === undefined ? undefined : Number(flags.recompute),
      });
    }
    for (const dtype of flags.peer ? flags['peer-dtypes'].split(',') : []) {
      const peer = await startPeer(flags.peer, threads);
      const runner = { name: `PEFT ${dtype}`, isPeer: true, steps: [], ...peer };
      runners.push(runner);
      if (!peer.canStep)
        throw new Error(`${flags.peer}: ${JSON.stringify(peer.versions)}; its step needs all of these`);
      runner.load = await peer.ask({ ...request, dtype });
    }
    const rows = randomRows(config, shape.lengths);
    const step = { do: 'step', rows, labels: rows.map((_, i) => i & 1) };
    // The first step warms up. The long shape takes one step, cold, unless more are asked for.
    const count = name === 'full' && flags.steps === undefined ? 1 : Number(flags.steps ?? 3) + 1;
    for (let i = 0; i < count; i++) {
      for (const runner of runners) runner.steps.push(await runner.ask(step));
    }
    const flops = stepFlops(config, shape).total;
    return { name, flops, tokens, layers: layers.length, runners: runners.map((runner) => summaryOf(runner, count)) };
  } finally {
    for (const { close } of runners) close();
    if (!flags.base) rmSync(folder, { recursive: true });
  }
}

/** What the table says of one way: the median of its timed steps, and what they spent together. */
function summaryOf({ name, isPeer, versions, load, steps }, count) {
  const timed = count === 1 ? steps : steps.slice(1);
  const profile = new Map();
  for (const [op, ms] of timed.flatMap((one) => Object.entries(one.profile ?? {})))
    profile.set(op, (profile.get(op) ?? 0) + ms);
  const median = timed.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(timed.length / 2)];
  return { name, isPeer, versions, load, median, profile, timed: timed.map(({ seconds }) => seconds) };
}

/** Throws unless a base has the sizes of the shape that its row of the table is named after. */
function checkBase(base, shape, name) {
  const sizes = ({ hiddenSize, intermediateSize, layers }) =>
    `${hiddenSize} x ${intermediateSize}, ${layers.length} layers`;
  if (sizes(base) === sizes(shape)) return;
  throw new Error(`${flags.base}: ${sizes(base)}, the shape ${name} is ${sizes(shape)}`);
}

function randomRows(config, lengths) {
  const generator = new Mt19937(7);
  return lengths.map((length) => Array.from({ length }, () => 3 + (generator.next() % (config.vocabSize - 3))));
}

function formatReport(all) {
  const fixed = (value, digits = 2) => (value === undefined || value === null ? '' : value.toFixed(digits));
  const lines = [`${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, ${threads} threads`];
  for (const { name, versions } of all[0].runners) lines.push(`${name}: ${JSON.stringify(versions)}`);
  lines.push(
    '',
    '| shape | tokens | way | s/step (all) | to the fastest PEFT | forward | backward | tokens/s | GFLOP/s | peak GiB | to its peak | heap, its plan | recomputed | other cores | loss |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  );
  for (const { name, tokens, flops, layers, runners } of all) {
    const peers = runners.filter(({ isPeer }) => isPeer);
    const best = peers.toSorted((a, b) => a.median.seconds - b.median.seconds)[0]?.median;
    for (const { name: way, isPeer, load, median, timed } of runners) {
      const { seconds, forward, backward, peakGiB, heapGiB, others, loss } = median;
      const cells = [
        name,
        tokens,
        way,
        `${fixed(seconds)} (${timed.map((t) => fixed(t)).join(', ')})`,
        fixed(best && seconds / best.seconds),
        fixed(forward),
        fixed(backward),
        fixed(tokens / seconds, 0),
        fixed(flops / seconds / 1e9, 0),
        fixed(peakGiB),
        fixed(best && peakGiB / best.peakGiB),
        isPeer ? '' : `${fixed(heapGiB)}, ${fixed(load.planGiB)}`,
        isPeer ? '' : `${load.plan.recompute} of ${layers}${load.plan.offload ? ', offload' : ''}`,
        fixed(others),
        fixed(loss, 4),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  lines.push('', '| shape | way | share of each op in the timed steps |', '| --- | --- | --- |');
  for (const { name, runners } of all) {
    for (const { name: way, profile, timed } of runners.filter(({ isPeer }) => !isPeer)) {
      const total = timed.reduce((a, b) => a + b, 0) * 1000;
      const shares = [...profile]
        .sort((a, b) => b[1] - a[1])
        .map(([op, ms]) => `${op} ${fixed((100 * ms) / total, 1)} %`);
      const rest = total - [...profile.values()].reduce((a, b) => a + b, 0);
      lines.push(`| ${name} | ${way} | ${shares.join(', ')}, everything else ${fixed((100 * rest) / total, 1)} % |`);
    }
  }
  return `${lines.join('\n')}\n`;
}
