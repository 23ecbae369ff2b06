/**
 * @file What a deployed judge costs, and how near it stays: one judge in Arena, onnxruntime and transformers.js, in Node, in a tab and in
 * Python, on the same votes in the same order.
 *   node bench/deploy.mjs --base FILE --adapter DIR --data FILE --onnx FOLDER [--only TEXT]
 * `npx -y pnpm@10.34.8 build` first. FOLDER has transformers.js with its onnxruntime-node and onnxruntime-web in its node_modules:
 *   npm install --ignore-scripts @huggingface/transformers onnxruntime-node
 * --splits FILE   the test part of a run's splits.json alone
 * --count N       so many votes (default 200; 0 for all)
 * --tab N         so many of them in tabs (default 20)
 * --weights KINDS forms of the weights (default fp32,fp16,q8,q4), in tabs those of --tab-weights (default fp32,q8,q4)
 * --python FILE   a Python with onnxruntime and numpy
 * --threads N     default 2
 * --keep DIR      where the exported folder is kept, or is already
 * A battle is one order, alone, one after the other, after one that is not counted; a battle of at most 200 tokens is short. Prints a table, and JSON after it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readBattles } from '@arena/data';
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';
import { judgePipeline } from '@arena/transformers';
import { openTab } from './deploy/tab.mjs';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    adapter: { type: 'string' },
    data: { type: 'string' },
    onnx: { type: 'string' },
    splits: { type: 'string' },
    count: { type: 'string', default: '200' },
    tab: { type: 'string', default: '20' },
    weights: { type: 'string', default: 'fp32,fp16,q8,q4' },
    'tab-weights': { type: 'string', default: 'fp32,q8,q4' },
    python: { type: 'string' },
    threads: { type: 'string', default: '2' },
    keep: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
for (const name of ['base', 'adapter', 'data', 'onnx']) if (!flags[name]) throw new Error(`--${name} is needed`);
const ARENA = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url));
const HERE = fileURLToPath(new URL('./deploy/', import.meta.url));
/** How transformers.js names the file of a form. */
const FILES = { fp32: 'model', fp16: 'model_fp16', q8: 'model_quantized', q4: 'model_q4', bnb4: 'model_bnb4' };
const SHORT = 200; // tokens
const threads = Number(flags.threads);
const library = resolve(flags.onnx);
const require = createRequire(join(library, 'x.js'));
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);

const base = await openBase(flags.base);
const files = await readJudge(flags.adapter);
const battles = await votes();
const pack = files.objective.packer(base.tokenizer);
const packed = battles.map((battle) => {
  const { ids, second } = pack(battle);
  return (second === undefined ? [ids] : [ids.subarray(0, second), ids.subarray(second)]).map((one) => [...one]);
});
const tokens = packed.map((sequences) => sequences.flat().length);
const wanted = (name) => new RegExp(flags.only).test(name);
const rows = [];
const results = {};
const profiles = {};

// Arena in Node, on its own kernels: the others are held against it
let judge = await openedJudge();
const own = await eachOf(battles, async (battle) => {
  return (await judge.judge.predictMany([battle], { swap: false, raw: true }))[0].probabilityA;
});
const ownBytes = (await stat(flags.base)).size + (await sizeOfFolder(flags.adapter));
note('Arena, Node', ownBytes, judge.opened, own);
if (wanted('pipeline')) {
  const pipe = judgePipeline(judge.judge, await load('@huggingface/transformers'), { raw: true, top_k: null });
  const ran = await eachOf(battles, async (battle) => scoreOf(await pipe(battle)));
  note('judgePipeline of @arena/transformers, Node', ownBytes, judge.opened, ran);
}
await judge.close();

if (wanted('blas')) {
  const blas = await openBlas();
  judge = await openedJudge({ blas });
  const ran = await eachOf(battles, async (battle) => {
    return (await judge.judge.predictMany([battle], { swap: false, raw: true }))[0].probabilityA;
  });
  note(`Arena, Node, --blas auto (${blas.name})`, ownBytes, judge.opened, ran);
  await judge.close();
}

const folder = resolve(flags.keep ?? join(await mkdtemp(join(tmpdir(), 'arena-deploy-')), 'judge'));
try {
  const kinds = flags.weights.split(',');
  if (!existsSync(folder)) {
    const places = ['--base', flags.base, '--adapter', flags.adapter, '--out', folder];
    execFileSync(process.execPath, [ARENA, 'export', '--onnx', flags.weights, ...places], { stdio: 'inherit' });
  }
  for (const kind of kinds) {
    const path = join(folder, 'onnx', `${FILES[kind]}.onnx`);
    const { size } = await stat(path);
    if (wanted(`node ${kind}`)) note(`onnxruntime, Node, ${kind}`, size, ...(await inNode(path)));
    if (flags.python && wanted(`python ${kind}`)) note(`onnxruntime, Python, ${kind}`, size, ...(await inPython(path)));
  }
  await inTabs(flags['tab-weights'].split(','));
} finally {
  if (!flags.keep) await rm(dirname(folder), { recursive: true });
}
const short = tokens.filter((count) => count <= SHORT).length;
console.log(
  `\n${battles.length} battles of ${Math.round(mean(tokens))} tokens on average, ${short} of them short; ${threads} threads\n`,
);
console.log(table(rows));
for (const [kind, shares] of Object.entries(profiles)) console.log(`\n${kind} in the tab: ${shares.join(', ')}`);
console.log(JSON.stringify(results));

/** Votes for A or B. */
async function votes() {
  const part = flags.splits && new Set(JSON.parse(await readFile(flags.splits, 'utf8')).test);
  const found = [];
  for await (const battle of readBattles(flags.data)) {
    if ((battle.winner === 'a' || battle.winner === 'b') && (!part || part.has(battle.id))) found.push(battle);
    if (found.length === Number(flags.count)) break;
  }
  return found;
}

async function openedJudge(options = {}) {
  const begin = performance.now();
  const engine = await openEngine('wasm', { threads, ...options });
  const judge = await openJudge(base, files);
  return {
    judge,
    opened: performance.now() - begin,
    async close() {
      await judge.dispose();
      engine.dispose();
    },
  };
}

/** P(A) and milliseconds of each. */
async function eachOf(list, one) {
  const p = [];
  const times = [];
  await one(list[0], 0); // memory is taken and code is compiled
  for (const [i, item] of list.entries()) {
    const begin = performance.now();
    p.push(await one(item, i));
    times.push(performance.now() - begin);
  }
  return { p, times };
}

function probability(rewards) {
  const { a, tie } = files.objective.verdict(rewards);
  return a + tie / 2;
}

/** P(A) among the scores of a pipeline; half of a tie counts for A. */
function scoreOf(scores) {
  const of = (label) => scores.find((one) => one.label === label)?.score ?? 0;
  return of('A') + of('tie') / 2;
}

async function inNode(path) {
  const { default: ort } = await load('onnxruntime-node');
  const begin = performance.now();
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: threads });
  const opened = performance.now() - begin;
  const tensor = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const ran = await eachOf(packed, async (sequences) => {
    const logits = [];
    for (const ids of sequences) {
      const said = await session.run({ input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) });
      logits.push(...said.logits.data);
    }
    return probability(logits);
  });
  await session.release();
  return [opened, ran];
}

async function inPython(path) {
  const ids = join(folder, 'ids.json');
  await writeFile(ids, JSON.stringify(packed));
  const answer = execFileSync(flags.python, [join(HERE, 'onnx.py'), path, ids, flags.threads], { maxBuffer: 1e9 });
  await rm(ids);
  const { opened, logits, times } = JSON.parse(answer);
  return [opened, { p: logits.map(probability), times }];
}

/** transformers.js and Arena in the same Chromium, each in a page of its own. */
async function inTabs(kinds) {
  const some = packed.slice(0, Number(flags.tab));
  const mounts = {
    '/modules/': join(library, 'node_modules'),
    '/models/judge/': folder,
    '/base/': dirname(flags.base),
  };
  mounts['/adapter/'] = flags.adapter;
  if (wanted('tab arena')) {
    const tab = await openTab(mounts);
    const names = { base: `/base/${basename(flags.base)}`, adapter: '/adapter/', threads };
    const { opened, said } = await tab.arena(names, battles.slice(0, some.length));
    await tab.close();
    note('Arena, tab (wasm)', ownBytes, opened, said);
  }
  for (const kind of kinds) {
    if (!wanted(`tab ${kind}`)) continue;
    const { size } = await stat(join(folder, 'onnx', `${FILES[kind]}.onnx`));
    const tab = await openTab(mounts);
    const { opened, logits, times } = await tab.transformers({ model: 'judge', dtype: kind, threads }, some);
    await tab.close();
    profiles[kind] = await profileOf(mounts, kind, some.slice(0, 3));
    note(`transformers.js, tab (wasm), ${kind}`, size, opened, { p: logits.map(probability), times });
  }
}

/** Where onnxruntime-web spends its time, in shares, in a session of its own: writing it down takes time. */
async function profileOf(mounts, dtype, some) {
  const tab = await openTab(mounts);
  const spent = await tab.profile({ model: 'judge', dtype, threads }, some);
  await tab.close();
  const all = spent.reduce((sum, [, time]) => sum + time, 0);
  return spent.slice(0, 6).map(([op, time]) => `${op} ${Math.round((100 * time) / all)} %`);
}

async function sizeOfFolder(path) {
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((sum, one) => sum + one, 0);
}

/** A row of the table; it may be of the first battles alone. */
function note(name, bytes, opened, { p, times }) {
  const away = p.map((value, i) => Math.abs(value - own.p[i]));
  const right = (value, i) => value >= 0.5 === (battles[i].winner === 'a');
  const loss = (value, i) => -Math.log(Math.max(1e-12, battles[i].winner === 'a' ? value : 1 - value));
  const shorts = times.filter((_, i) => tokens[i] <= SHORT);
  results[name] = p;
  rows.push({
    what: name,
    battles: p.length,
    MB: Math.round(bytes / 1e6),
    'open, s': (opened / 1000).toFixed(1),
    'ms a battle': Math.round(mean(times)),
    'ms a short one': shorts.length ? Math.round(mean(shorts)) : '',
    'largest change of P': Math.max(...away).toExponential(1),
    'mean change': mean(away).toExponential(1),
    'verdicts changed': p.filter((value, i) => right(value, i) !== right(own.p[i], i)).length,
    accuracy: mean(p.map((value, i) => Number(right(value, i)))).toFixed(3),
    'log loss': mean(p.map(loss)).toFixed(4),
  });
  console.log(JSON.stringify(rows.at(-1)));
}

function mean(values) {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

/** Markdown. */
function table(list) {
  const names = Object.keys(list[0]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(names), line(names.map(() => '---')), ...list.map((row) => line(Object.values(row)))].join('\n');
}
