/**
 * @file Exported judges in Chromium: onnxruntime-web beside the judge in Arena and beside onnxruntime-node, and transformers.js'
 * `pipeline` on the exported folder.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syntheticBattles } from '@arena/data';
import { diskStore, readFileAt } from '@arena/files';
import { openJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { type WeightKind, writeOnnxFolder } from '@arena/onnx';
import { openEngine } from '@arena/runtime';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeOn, type TinyJudge, type TinyJudgeOptions, tinyJudge } from '../../onnx/test/judges.js';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { hasLibrary, loadLibrary } from './library.js';
import { serveLibrary } from './library-page.js';

const REAL = process.env.ARENA_GEMMA3_270M ?? '';
const KINDS: WeightKind[] = ['fp32', 'fp16', 'q8', 'q4', 'bnb4'];
const FILES: Record<WeightKind, string> = {
  fp32: 'model.onnx',
  fp16: 'model_fp16.onnx',
  q8: 'model_quantized.onnx',
  q4: 'model_q4.onnx',
  bnb4: 'model_bnb4.onnx',
};
const BATTLES = syntheticBattles({ count: 4, seed: 9 });

/** Token ids of sequences. */
type Rows = number[][];

interface Said {
  rows: Rows;
  /** Of each sequence. */
  logits: number[][];
  texts: string[];
  /** Of each text, by class. */
  probabilities: number[][];
}

/** What the judge itself says: of packed battles, and of texts. */
async function said({ base, files }: TinyJudge): Promise<Said> {
  const judge = await openJudge(base, files);
  try {
    const pack = files.objective.packer(base.tokenizer);
    const rows = BATTLES.flatMap((battle) => {
      const { ids, second } = pack(battle);
      return second === undefined ? [[...ids]] : [[...ids.subarray(0, second)], [...ids.subarray(second)]];
    });
    const texts = ['Q: why?\nA: yes\nB: no', 'a much longer one, twice. '.repeat(5)];
    const encoded = texts.map((text) => base.tokenizer.encode(text, { addSpecialTokens: true }));
    const ofRows = await judge.logits(rows.map((row) => Int32Array.from(row)));
    const ofTexts = await judge.logits(encoded);
    return {
      rows,
      logits: ofRows.map((row) => [...row]),
      texts,
      probabilities: ofTexts.map((row) => (row.length === 1 ? [1 / (1 + Math.exp(-row[0]))] : softmax([...row]))),
    };
  } finally {
    await judge.dispose();
  }
}

function softmax(row: number[]): number[] {
  const powers = row.map((value) => Math.exp(value - Math.max(...row)));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((power) => power / sum);
}

const worst = (a: number[][], b: number[][]) =>
  Math.max(...a.flatMap((row, i) => row.map((value, k) => Math.abs(value - b[i][k]))));

describe.skipIf(!existsSync(CHROMIUM) || !hasLibrary)('an exported judge in Chromium', () => {
  let folder = '';
  let served: { url: string; close(): void };
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arena-onnx-web-'));
    served = await serveLibrary(folder);
    await openEngine('wasm');
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    page = await browser.newPage();
    await page.goto(served.url);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    served?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function exported(name: string, { base, files }: TinyJudge, weights: WeightKind[]): Promise<void> {
    const at = join(folder, name);
    await writeOnnxFolder(base, files, { folder: diskStore(at), onnx: diskStore(join(at, 'onnx')), weights });
  }

  /** Logits that onnxruntime-web gives in the tab, of rows one by one. */
  function inTab(name: string, kind: WeightKind, rows: Rows): Promise<number[][]> {
    const url = `/models/${name}/onnx/${FILES[kind]}`;
    return page.evaluate(({ url, rows }) => library.logits(url, rows), { url, rows });
  }

  async function inNode(name: string, kind: WeightKind, rows: Rows): Promise<number[][]> {
    const { default: ort } = await loadLibrary('onnxruntime-node');
    const session = await ort.InferenceSession.create(join(folder, name, 'onnx', FILES[kind]));
    const logits: number[][] = [];
    for (const row of rows) {
      const tensor = (values: number[]) =>
        new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
      const out = await session.run({ input_ids: tensor(row), attention_mask: tensor(row.map(() => 1)) });
      logits.push([...out.logits.data]);
    }
    await session.release();
    return logits;
  }

  /** Scores by label that `pipeline` gives in the tab. */
  async function piped(name: string, dtype: WeightKind, texts: string[]): Promise<Record<string, number>[]> {
    const all = await page.evaluate(({ name, dtype, texts }) => library.scores(name, dtype, texts), {
      name,
      dtype,
      texts,
    });
    return all.map((scores) => Object.fromEntries(scores.map(({ label, score }) => [label, score])));
  }

  it.each<[string, TinyJudgeOptions, string[]]>([
    ['gemma2', { family: 'gemma2' }, ['A', 'B']],
    ['gemma3', { family: 'gemma3', classes: 3 }, ['A', 'B', 'tie']],
    ['reward', { family: 'gemma3', loss: 'bradley-terry' }, ['reward']],
  ])(
    '%s: every form in onnxruntime-web, and float32 and q4 in pipeline',
    async (name, options, labels) => {
      const judge = await tinyJudge(options);
      await exported(name, judge, KINDS);
      const { rows, logits, texts, probabilities } = await said(judge);
      const size = Math.max(...logits.flat().map(Math.abs));
      for (const kind of KINDS) {
        const tab = await inTab(name, kind, rows);
        if (kind === 'fp32') expect(worst(tab, logits)).toBeLessThan(1e-4);
        expect(worst(tab, await inNode(name, kind, rows)) / size, kind).toBeLessThan(1e-4);
      }

      const at = join(folder, name);
      await writeFile(join(at, 'tokenizer.json'), (await readFileAt(judge.base.location, 'tokenizer.json'))!);
      await writeFile(join(at, 'tokenizer_config.json'), '{"tokenizer_class": "GemmaTokenizer", "pad_token": "<pad>"}');
      const scores = await piped(name, 'fp32', texts);
      expect(scores.map((one) => Object.keys(one).sort())).toEqual(texts.map(() => [...labels].sort()));
      const byLabel = scores.map((one) => labels.map((label) => one[label]));
      expect(worst(byLabel, probabilities)).toBeLessThan(1e-5);
      expect(Object.keys((await piped(name, 'q4', texts))[0]).sort()).toEqual([...labels].sort());
    },
    300_000,
  );

  it.skipIf(!REAL)(
    'Gemma 3 270M in Q4_K_M: q4 has the blocks of its file, and is the judge',
    async () => {
      const judge = judgeOn(await openBase(REAL), { loss: 'bradley-terry' });
      await exported('real', judge, ['q4']);
      const { rows, logits } = await said(judge);
      const tab = await inTab('real', 'q4', rows.slice(0, 4));
      const apart = (list: number[][]) => list[0][0] - list[1][0]; // of A and B of a battle
      for (const at of [0, 2]) {
        const [is, should] = [tab, logits].map((list) => 1 / (1 + Math.exp(-apart(list.slice(at)))));
        expect(Math.abs(is - should)).toBeLessThan(1e-4);
      }
    },
    600_000,
  );
});
