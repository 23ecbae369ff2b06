/**
 * @file A judge where people deploy: its ONNX forms in onnxruntime-node beside the judge itself, on the same votes in the same order.
 *   node bench/deploy.mjs --base FILE --adapter DIR --data FILE --onnx FOLDER [--count 200] [--weights fp32,q8,q4] [--threads 2]
 * `npx -y pnpm@10.34.8 build` first. FOLDER has onnxruntime-node in its node_modules: npm install --ignore-scripts onnxruntime-node.
 * A battle is one order, one after the other, each alone. Prints a table: bytes, seconds to open, milliseconds a battle, the distance of
 * P(A) from the judge's (largest and mean), accuracy.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readBattles } from '@arena/data';
import { diskStore } from '@arena/files';
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { writeOnnxFolder } from '@arena/onnx';
import { openEngine } from '@arena/runtime';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    adapter: { type: 'string' },
    data: { type: 'string' },
    onnx: { type: 'string' },
    count: { type: 'string', default: '200' },
    weights: { type: 'string', default: 'fp32,q8,q4' },
    threads: { type: 'string', default: '2' },
  },
});
for (const name of ['base', 'adapter', 'data', 'onnx']) if (!flags[name]) throw new Error(`--${name} is needed`);
const require = createRequire(join(resolve(flags.onnx), 'x.js'));
const PACKAGE = 'onnxruntime-node'; // too large for a dependency
const { default: ort } = await import(pathToFileURL(require.resolve(PACKAGE)).href);
const FILES = { fp32: 'model', fp16: 'model_fp16', q8: 'model_quantized', q4: 'model_q4', bnb4: 'model_bnb4' };
const threads = Number(flags.threads);

const base = await openBase(flags.base);
const files = await readJudge(flags.adapter);
const battles = [];
for await (const battle of readBattles(flags.data)) {
  if (battle.winner === 'a' || battle.winner === 'b') battles.push(battle);
  if (battles.length === Number(flags.count)) break;
}
const pack = files.objective.packer(base.tokenizer);
const packed = battles.map((battle) => {
  const { ids, second } = pack(battle);
  return second === undefined ? [ids] : [ids.subarray(0, second), ids.subarray(second)];
});

const rows = [];
let begin = performance.now();
await openEngine('wasm', { threads });
const judge = await openJudge(base, files);
const opened = performance.now() - begin;
const own = [];
begin = performance.now();
for (const battle of battles) own.push((await judge.predictMany([battle], { swap: false, raw: true }))[0].probabilityA);
rows.push(row('Arena, engine wasm', 0, opened, performance.now() - begin, own));
await judge.dispose();

const folder = await mkdtemp(join(tmpdir(), 'arena-deploy-'));
try {
  for (const kind of flags.weights.split(',')) {
    const onnx = diskStore(join(folder, 'onnx'));
    await writeOnnxFolder(base, files, { folder: diskStore(folder), onnx, weights: [kind] });
    const path = join(folder, 'onnx', `${FILES[kind]}.onnx`);
    const { size } = await stat(path);
    begin = performance.now();
    const session = await ort.InferenceSession.create(path, { intraOpNumThreads: threads });
    const ready = performance.now() - begin;
    const p = [];
    begin = performance.now();
    for (const sequences of packed) {
      const logits = [];
      for (const ids of sequences) logits.push(...(await logitsOf(session, ids)));
      const { a, tie } = files.objective.verdict(logits);
      p.push(a + tie / 2);
    }
    rows.push(row(`onnxruntime, ${kind}`, size, ready, performance.now() - begin, p));
    await session.release();
    await rm(path);
  }
} finally {
  await rm(folder, { recursive: true });
}
console.log(`${battles.length} battles, ${threads} threads\n`);
console.table(rows);

async function logitsOf(session, ids) {
  const tensor = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, ids.length]);
  const { logits } = await session.run({ input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) });
  return logits.data;
}

function row(name, bytes, opened, ran, p) {
  const away = p.map((value, i) => Math.abs(value - own[i]));
  const right = p.filter((value, i) => value >= 0.5 === (battles[i].winner === 'a')).length;
  return {
    '': name,
    MB: Math.round(bytes / 1e6),
    'open, s': Number((opened / 1000).toFixed(1)),
    'ms a battle': Math.round(ran / battles.length),
    'largest |dP|': Number(Math.max(...away).toExponential(1)),
    'mean |dP|': Number((away.reduce((sum, one) => sum + one, 0) / away.length).toExponential(1)),
    accuracy: Number((right / battles.length).toFixed(3)),
  };
}
