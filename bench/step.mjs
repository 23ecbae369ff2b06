/**
 * @file Times a training step by shape: `node bench/step.mjs [--shapes tiny,mid,wide2] [--threads 2] [--wide]
 * [--steps 3] [--base DIR|FILE.gguf] [--memory 6GB] [--recompute N] [--peer PYTHON] [--out FILE]`. Prints seconds, tokens/s, GFLOP/s, peak memory and the share
 * of each op, and the load that other processes put on the machine meanwhile. Other shapes: gemma3-270m, gemma3-1b and full. `--base` is a
 * checkpoint of the one shape that is asked for, a folder or a GGUF file, in place of random weights (`node bench/random-base.mjs DIR`
 * writes a folder for `full`); a GGUF base is trained as it is stored, others in NF4. With a Python that has torch, transformers, peft and bitsandbytes, the peer takes the
 * same steps on the same checkpoint and tokens in turn with ours, and the table gives ratios.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { linearsOf } from '@arena/decoder/model';
import { loadGemma, parseGemmaConfig, readConfig } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { Mt19937 } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { observeOps } from '@arena/runtime/op';
import { wasmBackend } from '@arena/runtime/wasm';
import { adamW } from '@arena/trainer';
import { backend } from '@tensorflow/tfjs-core';
import { startPeer } from './peer.mjs';
import { SHAPES, stepFlops } from './shapes.mjs';

const { values: flags } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'tiny,mid,wide2' },
    threads: { type: 'string', default: '2' },
    wide: { type: 'boolean', default: false },
    steps: { type: 'string' },
    base: { type: 'string' },
    memory: { type: 'string' },
    recompute: { type: 'string' },
    peer: { type: 'string' },
    out: { type: 'string' },
  },
});

const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

const names = flags.shapes.split(',');
for (const name of names)
  if (!SHAPES[name]) throw new Error(`--shapes ${name}: ${Object.keys(SHAPES).join(', ')} are known`);
if (flags.base && names.length > 1)
  throw new Error('--base is a checkpoint of one shape: name that alone with --shapes');

const engine = await openEngine('wasm', { threads: Number(flags.threads), wide: flags.wide });
for (const note of engine.notes ?? []) console.error(`engine: ${note}`);
const peer = flags.peer && (await startPeer(flags.peer, Number(flags.threads)));
if (peer && !peer.canStep) {
  peer.close();
  engine.dispose();
  throw new Error(
    `${flags.peer}: ${JSON.stringify(peer.versions)}; transformers, peft and bitsandbytes are needed for its step`,
  );
}
const rows = [];
for (const name of names) rows.push(await runShape(name, SHAPES[name]));
const report = formatReport(rows);
console.log(report);
peer?.close();
if (flags.out) writeFileSync(flags.out, report);
engine.dispose();

async function runShape(name, shape) {
  const folder = flags.base ?? mkdtempSync(join(tmpdir(), 'arena-bench-'));
  if (!flags.base) await writeRandomCheckpoint(folder, shape.config, { seed: 1 });
  const config = await readConfig(folder);
  checkBase(config, parseGemmaConfig(JSON.stringify(shape.config)), name);
  const layers = config.layers.map((_, layer) => layer).slice(shape.firstLayer);
  const targets = shape.targets ?? ALL;
  const lora = loraConfig({ r: 16, lora_alpha: 32, target_modules: targets, layers_to_transform: layers });
  const loadStart = performance.now();
  const quantization = folder.endsWith('.gguf') ? undefined : {};
  const model = await loadGemma(folder, { quantization, lora: { config: lora, seed: 1 } });
  const loadSeconds = (performance.now() - loadStart) / 1000;
  const tokens = shape.lengths.reduce((a, b) => a + b, 0);
  const plan = planMemory({
    config,
    targets: model.lora.targets,
    tokens,
    quantized: true,
    linearBytes: frozenBytes(model),
    budgetBytes: flags.memory ? Number.parseFloat(flags.memory) * 1e9 : undefined,
  });
  if (flags.recompute !== undefined) plan.activations.recompute = Number(flags.recompute);
  const optimizer = adamW(trainableParameters(model));
  const batch = randomBatch(config, shape.lengths);
  const profile = new Map();
  if (peer) await peer.ask({ do: 'load', folder, layers, targets, rank: 16, alpha: 32 });
  const request = { do: 'step', rows: sequences(batch), labels: batch.labels };
  const steps = [];
  const peerSteps = [];
  // The first step warms up. The long shape takes one step, cold, unless more are asked for.
  const count = name === 'full' && flags.steps === undefined ? 1 : Number(flags.steps ?? 3) + 1;
  for (let i = 0; i < count; i++) {
    if (i === 1) profile.clear();
    steps.push(await timeStep(model, batch, optimizer, plan, profile));
    if (peer) peerSteps.push(await peer.ask(request));
  }
  const heapGiB = wasmBackend(backend()).heap.peakBytes / 2 ** 30;
  optimizer.dispose();
  await model.dispose();
  if (!flags.base) rmSync(folder, { recursive: true });
  const timed = count === 1 ? steps : steps.slice(1);
  const middle = (all) => all.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(all.length / 2)];
  return {
    name,
    flops: stepFlops(config, shape).total,
    tokens,
    plan,
    loadSeconds,
    median: middle(timed),
    peer: peer && middle(peerSteps.slice(steps.length - timed.length)),
    timed: timed.map(({ seconds }) => seconds),
    profile,
    heapGiB,
    peakGiB: peakGiB(),
  };
}

async function timeStep(model, { labels, ...batch }, optimizer, plan, profile) {
  const others = otherCpu();
  const start = performance.now();
  let backwardStart = 0;
  observeOps((op, milliseconds) => {
    if (!backwardStart && op.endsWith('Backward')) backwardStart = performance.now() - milliseconds;
    profile.set(op, (profile.get(op) ?? 0) + milliseconds);
  });
  const { loss, logits } = await trainingPass(model, batch, labels, { activations: plan.activations });
  const optimizerStart = performance.now();
  const [lossValue] = await loss.data();
  loss.dispose();
  logits.dispose();
  await optimizer.step(1e-4);
  observeOps(null);
  const end = performance.now();
  return {
    seconds: (end - start) / 1000,
    forward: (backwardStart - start) / 1000,
    backward: (optimizerStart - backwardStart) / 1000,
    optimizer: (end - optimizerStart) / 1000,
    others: others(),
    loss: lossValue,
  };
}

/** What the model's linears take, however they are held. */
function frozenBytes(model) {
  const weights = model.layers.flatMap(linearsOf).map(({ weight }) => weight);
  const tensors = weights.flatMap((weight) =>
    weight.kind === 'float' ? weight.tensor : Object.values(weight.tensors),
  );
  return tensors.reduce((sum, tensor) => sum + 4 * (tensor?.size ?? 0), 0);
}

/** Throws unless a base has the sizes of the shape that its row of the table is named after. */
function checkBase(base, shape, name) {
  const sizes = ({ hiddenSize, intermediateSize, layers }) =>
    `${hiddenSize} x ${intermediateSize}, ${layers.length} layers`;
  if (sizes(base) === sizes(shape)) return;
  throw new Error(`${flags.base}: ${sizes(base)}, the shape ${name} is ${sizes(shape)}`);
}

/** The token rows of a batch. */
function sequences({ ids, offsets }) {
  return Array.from({ length: offsets.length - 1 }, (_, i) => Array.from(ids.slice(offsets[i], offsets[i + 1])));
}

function randomBatch(config, lengths) {
  const generator = new Mt19937(7);
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1) + length);
  const ids = Int32Array.from({ length: offsets.at(-1) }, () => 3 + (generator.next() % (config.vocabSize - 3)));
  return { ids, offsets: Int32Array.from(offsets), labels: lengths.map((_, i) => i & 1) };
}

/** Cores that other processes use from now until the returned function is called (Linux; NaN elsewhere). */
function otherCpu() {
  const read = () => {
    try {
      const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
      return {
        busy: ticks.reduce((a, b) => a + b, 0) - ticks[3] - ticks[4],
        own: process.cpuUsage(),
        at: performance.now(),
      };
    } catch {
      return undefined;
    }
  };
  const before = read();
  return () => {
    const after = read();
    if (!before || !after) return Number.NaN;
    const own = (after.own.user + after.own.system - before.own.user - before.own.system) / 1e6;
    return ((after.busy - before.busy) / 100 - own) / ((after.at - before.at) / 1000);
  };
}

/** Largest resident size of this process so far. */
function peakGiB() {
  return process.resourceUsage().maxRSS / 2 ** 20;
}

function formatReport(results) {
  const fixed = (value, digits = 2) => value.toFixed(digits);
  const lines = [
    `${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, engine wasm${flags.wide ? ' (wide)' : ''}, ${engine.threads} threads`,
    '',
    '| shape | tokens | s/step (all) | forward | backward | optimizer | tokens/s | GFLOP/s | peak GiB | heap and its plan | other cores | plan |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ];
  for (const { name, flops, tokens, plan, median, timed, heapGiB, peakGiB: peak } of results) {
    const { seconds, forward, backward, optimizer, others } = median;
    const rate = flops / seconds / 1e9;
    const keep = `${plan.activations.recompute} layers recomputed${plan.activations.offload ? ', offload' : ''}`;
    lines.push(
      `| ${name} | ${tokens} | ${fixed(seconds)} (${timed.map((t) => fixed(t)).join(', ')}) | ${fixed(forward)} | ${fixed(backward)} | ` +
        `${fixed(optimizer, 3)} | ${fixed(tokens / seconds, 1)} | ${fixed(rate, 1)} | ${fixed(peak)} | ${fixed(heapGiB)}, ${fixed(plan.total / 2 ** 30)} | ${fixed(others)} | ${keep} |`,
    );
  }
  if (peer) {
    lines.push('', `Beside ${JSON.stringify(peer.versions)}, ${flags.threads} threads, step by step in turn:`, '');
    lines.push('| shape | peer s/step | ours / peer, time | peer GiB | ours / peer, memory | loss, ours and peer |');
    lines.push('| --- | --- | --- | --- | --- | --- |');
    for (const { name, median, peer: other, peakGiB: peak } of results) {
      lines.push(
        `| ${name} | ${fixed(other.seconds)} | ${fixed(median.seconds / other.seconds)} | ${fixed(other.peakGiB)} | ` +
          `${fixed(peak / other.peakGiB)} | ${fixed(median.loss, 4)} ${fixed(other.loss, 4)} |`,
      );
    }
  }
  lines.push('', '| shape | share of each op in the timed steps |', '| --- | --- |');
  for (const { name, profile, timed } of results) {
    const total = timed.reduce((a, b) => a + b, 0) * 1000;
    const shares = [...profile]
      .sort((a, b) => b[1] - a[1])
      .map(([op, ms]) => `${op} ${fixed((100 * ms) / total, 1)} %`);
    const rest = total - [...profile.values()].reduce((a, b) => a + b, 0);
    lines.push(`| ${name} | ${shares.join(', ')}, everything else ${fixed((100 * rest) / total, 1)} % |`);
  }
  return `${lines.join('\n')}\n`;
}
