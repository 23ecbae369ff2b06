/** @file `arena prepare`, and the commands that read what it leaves. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMPACT_FRAME, packer, splitBattles } from '@arena/data';
import { applySplits } from '@arena/data/split';
import { openTokenizer } from '@arena/judge/run';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDataset } from '../src/prepare/dataset.js';
import { cachedTokens } from '../src/prepare/prepared.js';
import { arena, BATTLES, QUICK, type Run, type Workspace, workspace } from './workspace.js';

/** As built: threads are given the package, not its sources. */
const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));

let w: Workspace;
let prepared: Run;
const FILES = [
  'battles.jsonl',
  'card.html',
  'card.json',
  'prepared.json',
  'splits.json',
  'tokens-test.safetensors',
  'tokens-train.safetensors',
  'tokens-validation.safetensors',
];

const prepare = (out: string, ...more: string[]) =>
  arena('prepare', '--data', w.data, '--tokenizer', w.base, '--out', w.at(out), '--max-tokens', '256', ...more);

beforeAll(async () => {
  w = await workspace();
  prepared = await prepare('prepared', '--frame', 'compact', '--seed', '7');
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

describe('arena prepare', () => {
  test('leaves its files and says what it did', async () => {
    expect(prepared.code).toBe(0);
    expect((await readdir(w.at('prepared'))).sort()).toEqual(FILES);
    expect(prepared.out).toContain(`${BATTLES.length} battles read`);
    expect(prepared.out).toMatch(/split by prompt \(\d+ groups\)/);
    expect(prepared.out).toMatch(/kept 100\.0 % of the prompts/);
  });

  test('threads leave the same files', async () => {
    const options = ['--max-tokens', '256', '--frame', 'compact', '--seed', '7', '--workers', '2'];
    const files = ['--data', w.data, '--tokenizer', w.base, '--out', w.at('threads')];
    await promisify(execFile)(process.execPath, [BIN, 'prepare', ...files, ...options]);
    expect((await readdir(w.at('threads'))).sort()).toEqual(FILES);
    for (const name of FILES) {
      expect(await readFile(w.at(`threads/${name}`), 'utf8'), name).toBe(
        await readFile(w.at(`prepared/${name}`), 'utf8'),
      );
    }
  });

  describe('--clean', () => {
    const from = (data: string, out: string, ...more: string[]) =>
      arena('prepare', '--data', data, '--tokenizer', w.base, '--out', w.at(out), '--max-tokens', '256', ...more);

    test('decides by reason, and what a folder holds is not cleaned again', async () => {
      const copy = { ...BATTLES[0], id: 'copy' };
      const data = await w.votes('copies.jsonl', [...BATTLES, copy]);
      expect((await from(data, 'copies-default')).out).toMatch(/left out: .*\b1 repeated(,|\n)/);
      const kept = await from(data, 'copies-kept', '--clean', 'duplicate=keep', 'one-empty=drop');
      expect(kept.out).not.toMatch(/repeated(,|\n)/);
      expect((await loadDataset([w.at('copies-kept')])).battles.map(({ id }) => id)).toContain('copy');
      const manifest = JSON.parse(await readFile(w.at('copies-kept/prepared.json'), 'utf8'));
      expect(manifest.cleaning).toEqual({ duplicate: 'keep', oneEmpty: 'drop' });
    });

    test('images: rejected, left out, or the end of the run', async () => {
      const said = (text: string, image: boolean) => [
        { role: 'user', content: [{ type: 'text', text }, ...(image ? [{ type: 'image', image: 'x' }] : [])] },
      ];
      const rows = BATTLES.slice(0, 40).map(({ id, prompt, responseA, responseB, winner }, i) => ({
        question_id: id,
        conversation_a: [...said(prompt[0], i === 3), { role: 'assistant', content: responseA[0] }],
        conversation_b: [...said(prompt[0], i === 3), { role: 'assistant', content: responseB[0] }],
        winner: winner === 'tie' ? 'tie' : `model_${winner}`,
      }));
      const data = w.at('images.jsonl');
      await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      expect((await from(data, 'images-1')).out).toContain(
        '1 unreadable (non_text_content, row 3 first: conversation_a has a part without text: {"type": "image"',
      );
      expect((await from(data, 'images-2', '--clean', 'non-text=leave-out')).out).not.toContain('unreadable');
      const stopped = await from(data, 'images-3', '--clean', 'unreadable=stop');
      expect(stopped.code).toBe(1);
      expect(stopped.err.trim()).toMatch(
        /^arena prepare: .*images\.jsonl, row 3: no battle \(non_text_content: conversation_a has a part without text: .*\); --clean/,
      );
      expect(existsSync(w.at('images-3'))).toBe(false);
    });

    test.each([
      ['colour=drop', /the reasons are unlabeled, .*max-chars/],
      ['non-text=drop', /non-text takes reject or leave-out/],
      ['duplicate', /duplicate takes drop or keep/],
      ['max-chars=few', /whole number/],
      ['ties=half', /--ties/],
    ])('%s is refused in one line', async (choice, message) => {
      const { code, err } = await from(w.data, 'never', '--clean', choice);
      expect(code).toBe(1);
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(err).toMatch(message);
    });
  });

  test('the split is that of training, and the folder reads back as the same battles', async () => {
    const direct = await loadDataset([w.data]);
    const { prepared: opened, battles } = await loadDataset([w.at('prepared')]);
    const texts = (list: typeof battles) =>
      list.map(({ id, prompt, responseA, responseB, winner }) => [id, prompt, responseA, responseB, winner]);
    expect(texts(battles)).toEqual(texts(direct.battles));
    const { train, test: held } = splitBattles(direct.battles, { seed: 7 });
    expect(texts(opened!.parts.train)).toEqual(texts(train));
    expect(texts(opened!.parts.test)).toEqual(texts(held));
  });

  test('the tokens are those of packing afresh; another packing or tokenizer finds none', async () => {
    const { prepared: opened } = await loadDataset([w.at('prepared')]);
    const bytes = await readFile(`${w.base}/tokenizer.json`);
    const packing = { maxTokens: 256, frame: COMPACT_FRAME };
    const pack = packer(await openTokenizer(w.base), packing);
    for (const name of ['train', 'validation', 'test'] as const) {
      const found = await cachedTokens(opened!, name, bytes, packing);
      const afresh = opened!.parts[name].map(pack);
      expect(found!.map(({ ids }) => [...ids])).toEqual(afresh.map(({ ids }) => [...ids]));
      expect(found!.map(({ label, cut }) => [label, cut])).toEqual(afresh.map(({ label, cut }) => [label, cut]));
    }
    expect(await cachedTokens(opened!, 'train', bytes, { ...packing, maxTokens: 255 })).toBeUndefined();
    expect(await cachedTokens(opened!, 'train', Buffer.concat([bytes, Buffer.from(' ')]), packing)).toBeUndefined();
  });

  test('the card counts every battle and its page loads nothing', async () => {
    const card = JSON.parse(await readFile(w.at('prepared/card.json'), 'utf8'));
    const sizes = ['train', 'validation', 'test'].map((name) => card.splits[name].battles);
    expect(sizes.reduce((a, b) => a + b)).toBe(card.all.battles);
    expect(card.all.detectedLanguages).toEqual([{ name: 'Latin', count: card.all.battles }]);
    const html = await readFile(w.at('prepared/card.html'), 'utf8');
    expect(html).not.toMatch(/<script|<link|<img|https?:|NaN|undefined|Infinity/);
    expect(html).toContain('Always picking the longer answer');
    expect(html.match(/<svg/g)!.length).toBeGreaterThanOrEqual(4);
  });

  test('evaluate scores the test part and fits baselines on the train part', async () => {
    await arena('train', '--base', w.base, '--data', w.data, '--out', w.at('run'), ...QUICK);
    const adapter = ['--base', w.base, '--adapter', w.at('run/adapter')];
    const run = await arena('evaluate', ...adapter, '--data', w.at('prepared'), '--out', w.at('evaluated'));
    expect(run.code).toBe(0);
    expect(run.out).toMatch(/its test part: \d+ battles/);
    const { test: ids } = JSON.parse(await readFile(w.at('prepared/splits.json'), 'utf8'));
    const report = JSON.parse(await readFile(w.at('evaluated/metrics.json'), 'utf8'));
    expect(report.data.n).toBe(ids.length);
    expect(report.data.train).toBeGreaterThan(0);
    expect(report.data.validation).toBeGreaterThan(0);
    expect(report.predictors.map(({ name }: { name: string }) => name)).toContain('tf-idf');
  });

  test('train takes the parts and the tokens, and packs anew where the packing differs', async () => {
    const train = (out: string, ...more: string[]) =>
      arena('train', '--base', w.base, '--data', w.at('prepared'), '--out', w.at(out), ...QUICK, ...more);
    const run = await train('from-prepared');
    expect(run.code).toBe(0);
    expect(run.out).toMatch(/split as prepared: \d+ train/);
    expect(run.out).toContain('tokens as prepared');
    const splits = async (folder: string) => JSON.parse(await readFile(w.at(`${folder}/splits.json`), 'utf8'));
    expect(await splits('from-prepared')).toEqual(await splits('prepared'));
    const other = await train('other-packing', '--max-tokens', '128');
    expect(other.out).toContain('packing again');
  });

  test('texts of the data are escaped in the card', async () => {
    const evil = '<script>alert(1)</script>';
    const data = await w.votes('evil.jsonl', [
      ...BATTLES,
      { ...BATTLES[0], id: 'e1', prompt: [evil], responseA: [evil], responseB: [evil] },
    ]);
    const { code } = await arena('prepare', '--data', data, '--tokenizer', w.base, '--out', w.at('evil'));
    expect(code).toBe(0);
    const html = await readFile(w.at('evil/card.html'), 'utf8');
    expect(html).not.toContain('<script');
    expect(html).toContain('&#60;script&#62;');
  });
});

describe('bad input', () => {
  const refused = async (run: Run, message: RegExp) => {
    expect(run.err).toMatch(message);
    expect(run.code).toBe(1);
  };

  test('an output that is there, no tokenizer, too few tokens, no data', async () => {
    await refused(await prepare('prepared'), /exists already; choose another --out/);
    const without = (tokenizer: string) =>
      arena('prepare', '--data', w.data, '--tokenizer', tokenizer, '--out', w.at('never'));
    await refused(await without(w.at('nowhere')), /tokenizer\.json: cannot be read \(ENOENT\)/);
    await refused(await prepare('never', '--max-tokens', '20'), /maxTokens 20 is too small/);
    const none = arena('prepare', '--data', w.at('none.csv'), '--tokenizer', w.base, '--out', w.at('never'));
    await refused(await none, /none\.csv/);
    expect(existsSync(w.at('never'))).toBe(false);
  });

  test('two battles of one id are named, and nothing is left', async () => {
    const data = await w.votes('twice.jsonl', [...BATTLES, { ...BATTLES[0], prompt: ['another'] }]);
    const run = await arena('prepare', '--data', data, '--tokenizer', w.base, '--out', w.at('twice'));
    await refused(run, /two battles have the id/);
    const copy = await w.votes('twice-copy.jsonl', BATTLES);
    const files = ['--data', w.data, copy, '--tokenizer', w.base, '--out', w.at('twice')];
    const both = await arena('prepare', ...files, '--clean', 'duplicate=keep');
    await refused(
      both,
      new RegExp(
        `${w.data}, ${copy}: two battles have the id ".*" \\(rows 0 and ${BATTLES.length}, counted on over all files\\); `,
      ),
    );
    expect(both.err).toContain('--clean duplicate=drop');
    expect(both.out).not.toContain('split by prompt');
    await rm(copy);
    expect((await readdir(w.folder)).filter((name) => name.startsWith('twice'))).toEqual(['twice.jsonl']);
  });

  test('a prepared folder beside other files, or damaged', async () => {
    await expect(loadDataset([w.at('prepared'), w.data])).rejects.toThrow(/a prepared folder stands alone/);
    await expect(loadDataset([w.at('prepared')], { clean: { identical: 'keep' } })).rejects.toThrow(
      /has been cleaned by arena prepare; give --clean to that command/,
    );
    const broken = async (change: (folder: string) => Promise<void>) => {
      const folder = w.at('broken');
      await rm(folder, { recursive: true, force: true });
      await cp(w.at('prepared'), folder, { recursive: true });
      await change(folder);
      return folder;
    };
    await expect(broken((f) => rm(`${f}/splits.json`)).then((f) => loadDataset([f]))).rejects.toThrow(
      /splits\.json: cannot be read \(ENOENT\); prepare again/,
    );
    await expect(broken((f) => writeFile(`${f}/prepared.json`, '{')).then((f) => loadDataset([f]))).rejects.toThrow(
      /prepared\.json: is not JSON/,
    );
    await expect(broken((f) => writeFile(`${f}/prepared.json`, '{}')).then((f) => loadDataset([f]))).rejects.toThrow(
      /format undefined is not arena-prepared-1/,
    );
    const cut = await broken(async (f) => {
      const lines = (await readFile(`${f}/battles.jsonl`, 'utf8')).split('\n');
      await writeFile(`${f}/battles.jsonl`, lines.slice(3).join('\n'));
    });
    await expect(loadDataset([cut])).rejects.toThrow(/splits\.json: the saved split names battle/);
    const folder = await broken((f) => appendFile(`${f}/tokens-train.safetensors`, 'x'));
    const { prepared: opened } = await loadDataset([folder]);
    const bytes = await readFile(`${w.base}/tokenizer.json`);
    const packing = { maxTokens: 256, frame: COMPACT_FRAME };
    await expect(cachedTokens(opened!, 'train', bytes, packing)).rejects.toThrow(
      /tokens-train\.safetensors: not a file/,
    );
    expect(
      applySplits(opened!.parts.train, { ...opened!.file, validation: [], test: [] }).train.length,
    ).toBeGreaterThan(0);
  });
});
