/**
 * @file Exported judges in onnxruntime and transformers.js beside the judge itself. Both are too large for a dependency: the
 * environment variable ARENA_ONNX names a folder with onnxruntime-node and @huggingface/transformers in its node_modules.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { syntheticBattles } from '@arena/data';
import { linearModules } from '@arena/decoder/checkpoint';
import { logitsOfSequences } from '@arena/decoder/model';
import { bytesFolder, diskStore } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import { blockSize, dequantize } from '@arena/gguf';
import { openJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { type BlockType, randomBlocks } from '@arena/quant/ops';
import { Mt19937 } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { classifierGraph } from '../src/classifier-graph.js';
import { type GraphSource, graphSource } from '../src/graph-source.js';
import { type WeightKind, writeOnnxFolder } from '../src/index.js';
import { toBytes, toRows } from '../src/weight-kinds.js';
import { writeGraph } from '../src/write.js';
import { judgeOn, type TinyJudge, type TinyJudgeOptions, tinyJudge } from './judges.js';

const FOLDER = process.env.ARENA_ONNX ?? '';
/** Without it the tests are left out; CI must have it. */
const present = existsSync(join(FOLDER, 'node_modules/onnxruntime-node')) || process.env.CI === 'true';
const load = async (name: string) => import(pathToFileURL(createRequire(join(FOLDER, 'x.js')).resolve(name)).href);

/** Token ids, and 0 where a row is padded. */
type Rows = number[][];
type Session = { run(feeds: object): Promise<{ logits: { data: Float32Array; dims: number[] } }> };

describe.skipIf(!present)('in onnxruntime of ARENA_ONNX', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the package is not a dependency, so its types are not here
  let ort: any;
  let folder = '';
  beforeAll(async () => {
    ort = (await load('onnxruntime-node')).default;
    folder = await mkdtemp(join(tmpdir(), 'arena-onnx-'));
    await openEngine('cpu');
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function sessionOf(
    judge: TinyJudge,
    kind: WeightKind,
    { largest, widen }: { largest?: number; widen?: boolean } = {},
  ): Promise<Session> {
    const source = await graphSource(judge.base, judge.files);
    const at = await mkdtemp(join(folder, 'model-'));
    const { files } = await writeGraph(diskStore(at), 'model', classifierGraph(source, kind, widen), { largest });
    await source.close();
    return ort.InferenceSession.create(join(at, files[0]));
  }

  /** Logits of rows, padded on a side to the longest. */
  async function logitsOf(session: Session, rows: Rows, side: 'left' | 'right' = 'right'): Promise<number[][]> {
    const width = Math.max(...rows.map(({ length }) => length));
    const padded = (row: number[], one: (i: number) => number) => {
      const filled = row.map((_, i) => one(i));
      const rest = Array<number>(width - row.length).fill(0);
      return side === 'left' ? [...rest, ...filled] : [...filled, ...rest];
    };
    const tensor = (all: number[][]) =>
      new ort.Tensor('int64', BigInt64Array.from(all.flat().map(BigInt)), [rows.length, width]);
    const { logits } = await session.run({
      input_ids: tensor(rows.map((row) => padded(row, (i) => row[i]))),
      attention_mask: tensor(rows.map((row) => padded(row, () => 1))),
    });
    const [, labels] = logits.dims;
    return rows.map((_, i) => [...logits.data.subarray(i * labels, (i + 1) * labels)]);
  }

  /** What the judge itself says, on engine cpu (float64 products rounded to float32). */
  async function said({ base, files }: TinyJudge): Promise<{ rows: Rows; logits: number[][] }> {
    const judge = await openJudge(base, files);
    try {
      const pack = files.objective.packer(base.tokenizer);
      const rows = syntheticBattles({ count: 12, seed: 9 }).flatMap((battle) => {
        const { ids, second } = pack(battle);
        return second === undefined ? [[...ids]] : [[...ids.subarray(0, second)], [...ids.subarray(second)]];
      });
      const logits = await logitsOfSequences(
        judge.model,
        rows.map((row) => Int32Array.from(row)),
      );
      return { rows, logits: logits.map((row) => Array.from(row)) };
    } finally {
      await judge.dispose();
    }
  }

  const worst = (a: number[][], b: number[][]) =>
    Math.max(...a.flatMap((row, i) => row.map((value, k) => Math.abs(value - b[i][k]))));

  test.each<[string, TinyJudgeOptions]>([
    ['Gemma 2 on NF4', { family: 'gemma2' }],
    ['Gemma 3 in float, three classes', { family: 'gemma3', classes: 3, quantize: 'none' }],
    ['Gemma 3 on NF4, a reward model', { family: 'gemma3', loss: 'bradley-terry' }],
    ['the lower two layers of Gemma 3, a reward model', { family: 'gemma3', loss: 'bradley-terry', layers: 2 }],
  ])('%s: the same logits, one by one and padded on either side', async (_, options) => {
    const judge = await tinyJudge(options);
    const { rows, logits } = await said(judge);
    expect(new Set(rows.map(({ length }) => length)).size).toBeGreaterThan(2);
    expect(Math.max(...rows.map(({ length }) => length))).toBeGreaterThan(16); // twice the window
    const session = await sessionOf(judge, 'fp32');
    for (const [i, row] of rows.entries())
      expect(worst(await logitsOf(session, [row]), [logits[i]])).toBeLessThan(1e-4);
    for (const side of ['left', 'right'] as const) {
      expect(worst(await logitsOf(session, rows, side), logits)).toBeLessThan(1e-4);
    }
  });

  test('smaller forms: NF4 is the nearest but for its embedding, then 8 bits, then 4; float16 between', async () => {
    const judge = await tinyJudge({ family: 'gemma2' });
    const { rows, logits } = await said(judge);
    const size = Math.max(...logits.flat().map(Math.abs));
    const error: Partial<Record<WeightKind, number>> = {};
    for (const kind of ['fp16', 'q8', 'q4', 'bnb4'] as const) {
      const [apart, wide] = await Promise.all(
        [false, true].map(async (widen) => logitsOf(await sessionOf(judge, kind, { widen }), rows)),
      );
      error[kind] = worst(wide, logits) / size;
      expect(worst(wide, apart) / size).toBeLessThan(1e-5); // the same values in other operators
    }
    expect(error.fp16).toBeLessThan(0.01);
    expect(error.q8).toBeLessThan(0.1);
    expect(error.bnb4).toBeLessThan(0.1);
    expect(error.q4).toBeGreaterThan(error.q8!);
  });

  test.each(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K'] as const)(
    '%s blocks of a base are kept: q8 says what float32 says',
    async (type) => {
      const judge = await tinyJudge({ family: 'gemma3', hidden: 256, quantize: 'none' });
      const source = inBlocks(await graphSource(judge.base, judge.files), type);
      const at = await mkdtemp(join(folder, 'model-'));
      const sessions: Session[] = [];
      for (const [kind, widen] of [
        ['fp32', false],
        ['q8', false],
        ['q8', true],
      ] as const) {
        const graph = classifierGraph(source, kind, widen);
        await writeGraph(diskStore(at), kind, graph);
        sessions.push(await ort.InferenceSession.create(join(at, `${kind}.onnx`)));
        if (kind === 'fp32') continue;
        expect(graph.constants.some(({ name }) => /q_proj\.weight\.(codes|low)$/.test(name))).toBe(true);
        expect(graph.nodes.some(({ op }) => op === 'MatMulNBits')).toBe(!widen);
      }
      const rows = [[2, 5, 9, 40, 300], Array.from({ length: 40 }, (_, i) => 3 + 11 * i)];
      const should = await logitsOf(sessions[0], rows);
      const size = Math.max(...should.flat().map(Math.abs));
      expect(size).toBeGreaterThan(0.01);
      for (const session of sessions.slice(1)) {
        expect(worst(await logitsOf(session, rows), should) / size).toBeLessThan(1e-4);
      }
      await source.close();
    },
  );

  test('NF4 on a GGUF base keeps the embedding as the file has it: the numbers of float32', async () => {
    const base = await openBase(bytesFolder({ 'model.gguf': await tinyGguf() }), 'tiny.gguf');
    const judge = judgeOn(base, { quantize: 'nf4' });
    const rows = [1, 2].map((seed) => Array.from({ length: 9 * seed }, (_, i) => 4 + ((7 * i * seed) % 40)));
    const [want, got] = [await sessionOf(judge, 'fp32'), await sessionOf(judge, 'bnb4')];
    const exact = (await logitsOf(want, rows)).flat();
    for (const [i, logit] of (await logitsOf(got, rows)).flat().entries()) expect(logit).toBeCloseTo(exact[i], 4);
  });

  test('constants beside the model give the same numbers', async () => {
    const judge = await tinyJudge({ family: 'gemma3' });
    const rows = [[2, 5, 9, 40, 300]];
    const whole = await logitsOf(await sessionOf(judge, 'fp32'), rows);
    expect(await logitsOf(await sessionOf(judge, 'fp32', { largest: 1e5 }), rows)).toEqual(whole);
    const target = bytesTarget();
    const source = await graphSource(judge.base, judge.files);
    const { files, isSplit } = await writeGraph(target, 'model', classifierGraph(source, 'fp32'), { largest: 1e5 });
    expect([files, isSplit]).toEqual([['model.onnx', 'model.onnx_data'], true]);
    expect(target.files['model.onnx'].length).toBeLessThan(1e5);
  });

  test("transformers.js' pipeline opens the folder and gives the judge's probabilities", async () => {
    const judge = await tinyJudge({ family: 'gemma3' });
    const at = join(folder, 'folder');
    await writeOnnxFolder(judge.base, judge.files, {
      folder: diskStore(at),
      onnx: diskStore(join(at, 'onnx')),
      weights: ['fp32', 'q4'],
    });
    expect((await readdir(join(at, 'onnx'))).sort()).toEqual(['model.onnx', 'model_q4.onnx']);
    const files = judge.base.location as (
      name: string,
    ) => Promise<{ size: number; read(a: number, b: number): Promise<Uint8Array> }>;
    const tokenizer = await files('tokenizer.json');
    await writeFile(join(at, 'tokenizer.json'), await tokenizer.read(0, tokenizer.size));
    await writeFile(join(at, 'tokenizer_config.json'), '{"tokenizer_class": "GemmaTokenizer"}');
    const { pipeline, env } = await load('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.localModelPath = dirname(at);
    const classify = await pipeline('text-classification', basename(at), { dtype: 'fp32' });
    const readme = new TextDecoder().decode(await diskStoreRead(at, 'README.md'));
    const text = new Function('prompt', 'a', 'b', `return ${/=> (`.*`);/.exec(readme)![1]}`);
    const [battle] = syntheticBattles({ count: 1, seed: 11 });
    const scores = await classify(text(battle.prompt[0], battle.responseA[0], battle.responseB[0]), { top_k: null });
    const opened = await openJudge(judge.base, judge.files);
    const { probabilityA } = await opened.predict(
      { prompt: battle.prompt, responseA: battle.responseA, responseB: battle.responseB },
      { swap: false },
    );
    await opened.dispose();
    expect(scores.find(({ label }: { label: string }) => label === 'A').score).toBeCloseTo(probabilityA, 5);
  });
});

/** A source whose embedding and linears are random blocks. What cannot be kept so has values that q8 holds exactly. */
function inBlocks(source: GraphSource, type: BlockType): GraphSource {
  const { values: perBlock, bytes } = blockSize(type);
  const shapes = new Map<string, [number, number]>([
    ['model.embed_tokens.weight', [source.config.vocabSize, source.config.hiddenSize]],
    ...linearModules(source.config).map(
      ({ path, outFeatures, inFeatures }) =>
        [`${path}.weight`, [outFeatures, inFeatures]] as [string, [number, number]],
    ),
  ]);
  const stored = new Map<string, Uint8Array>();
  for (const [name, [rows, columns]] of shapes) {
    if (columns % perBlock) continue;
    const words = randomBlocks(type, [rows, columns], new Mt19937(stored.size));
    stored.set(name, new Uint8Array(words.buffer, 0, ((rows * columns) / perBlock) * bytes));
  }
  return {
    ...source,
    storedBits: (8 * bytes) / perBlock,
    storedType: (name) => (stored.has(name) ? type : undefined),
    async *stored(name) {
      const all = stored.get(name)!;
      for (let i = 0; i < all.length; i += 1001) yield all.subarray(i, i + 1001); // no whole blocks
    },
    async values(name, rows) {
      const [, columns] = shapes.get(name) ?? [];
      if (!columns) return source.values(name, rows);
      const all = stored.get(name);
      const values = all ? dequantize(type, all) : await source.values(name);
      const isEmbedding = name === 'model.embed_tokens.weight';
      const isKept = all && (!isEmbedding || ['Q4_0', 'Q5_0', 'Q8_0'].includes(type));
      const held = isKept ? values : rounded(values, isEmbedding ? toRows(values, columns) : toBytes(values));
      return rows ? held.subarray(rows[0] * columns, rows[1] * columns) : held;
    },
  };
}

/** What integers stand for: signed ones, or bytes around 128. */
function rounded(values: Float32Array, { codes, scales }: { codes: Int8Array | Uint8Array; scales: Float32Array }) {
  const zero = codes instanceof Uint8Array ? 128 : 0;
  const group = values.length / scales.length;
  return values.map((_, i) => (codes[i] - zero) * scales[Math.floor(i / group)]);
}

async function diskStoreRead(at: string, name: string): Promise<Uint8Array> {
  const file = await diskStore(at).open(name);
  return file!.read(0, file!.size);
}

test('an adapter of another base is named before anything is written', async () => {
  const [one, other] = [await tinyJudge({ family: 'gemma3' }), await tinyJudge({ family: 'gemma2', hidden: 96 })];
  const folder = bytesTarget();
  await expect(writeOnnxFolder(other.base, one.files, { folder, onnx: folder })).rejects.toThrow(
    'the adapter belongs to another base',
  );
  expect(folder.files).toEqual({});
});

test('the card says which form has the blocks of a GGUF base: 8 bits of 8.5, not 4', async () => {
  const location = bytesFolder({ 'model.gguf': await tinyGguf() });
  const { base, files } = judgeOn(await openBase(location, 'tiny.gguf'), {});
  const [folder, onnx] = [bytesTarget(), bytesTarget()];
  await writeOnnxFolder(base, files, { folder, onnx, weights: ['q8', 'q4'] });
  const [q8, q4] = new TextDecoder().decode(folder.files['README.md']).match(/^\| onnx\/.*$/gm)!;
  expect(q8).toContain("model_quantized.onnx | the blocks of the base's GGUF file");
  expect(q4).toContain('model_q4.onnx | linears in 4 bits');
});

test('a base that is not in NF4 has no bnb4, an unknown form is named', async () => {
  const judge = await tinyJudge({ family: 'gemma3', quantize: 'none' });
  const write = (weights: WeightKind[]) =>
    writeOnnxFolder(judge.base, judge.files, { folder: bytesTarget(), onnx: bytesTarget(), weights });
  await expect(write(['bnb4'])).rejects.toThrow(/not in NF4.*q4 or q8/);
  await expect(write(['q5' as WeightKind])).rejects.toThrow(/"q5": fp32, fp16, q8, q4, bnb4 are known/);
  await expect(write([])).rejects.toThrow(/are known/);
});
