/** @file Heads beyond two classes, and labels beyond votes: through training, prediction, evaluation and the endpoint. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { answerPacker, type Battle, COMPACT_ANSWER_FRAME, swapBattle } from '@arena/data';
import { loadGemma } from '@arena/gemma';
import { objectiveOfCard } from '@arena/judge/card';
import { measure } from '@arena/judge/run';
import { loadAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { loadTokenizer } from '@arena/tokenizer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arena, BATTLES, QUICK, type Run, type Workspace, workspace } from './workspace.js';

let w: Workspace;
/** Every fourth battle is a tie. */
const TIED: Battle[] = BATTLES.map((battle, i) => (i % 4 ? battle : { ...battle, winner: 'tie' }));

beforeAll(async () => {
  w = await workspace();
  await w.votes('tied.jsonl', TIED);
});
afterAll(() => rm(w.folder, { recursive: true }));

const lines = async (path: string) => parse(await readFile(path, 'utf8'));
const parse = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const train = (name: string, data: string, ...flags: string[]): Promise<Run> =>
  arena('train', '--base', w.base, '--data', w.at(data), '--out', w.at(name), ...QUICK, ...flags);
const predict = async (name: string, ...flags: string[]) =>
  parse((await arena('predict', '--base', w.base, '--adapter', w.at(`${name}/adapter`), ...flags)).out);

describe('a reward model', () => {
  let run: Run;
  beforeAll(async () => {
    run = await train('reward', 'tied.jsonl', '--loss', 'bradley-terry', '--ties', 'half', '--eval-every', '2');
  });

  test('trains, and its kind stands beside the adapter', async () => {
    expect(run.err).not.toContain('arena train:');
    expect(run.code).toBe(0);
    const card = JSON.parse(await readFile(w.at('reward/adapter/arena.json'), 'utf8'));
    expect(card).toMatchObject({ head: 'reward', pack: { frame: COMPACT_ANSWER_FRAME, maxTokens: 256 } });
    expect((await loadAdapter(w.at('reward/adapter'))).score!.shape).toEqual([1, 32]);
  });

  test('P(A) is the sigmoid of the difference of rewards, and the order of the answers is nothing to it', async () => {
    const some = BATTLES.slice(0, 8);
    const ab = await predict('reward', '--data', await w.votes('ab.jsonl', some));
    const ba = await predict('reward', '--data', await w.votes('ba.jsonl', some.map(swapBattle)), '--both-orders');
    for (const [i, { probabilityA, rewards }] of ab.entries()) {
      expect(probabilityA).toBeCloseTo(1 / (1 + Math.exp(rewards[1] - rewards[0])), 12);
      expect(ba[i].probabilityA).toBeCloseTo(1 - probabilityA, 5);
      expect(ba[i].rewards[0]).toBeCloseTo(rewards[1], 5);
    }
  });

  test('evaluate leaves the swap section out; merge writes a head of one label', async () => {
    const flags = ['--base', w.base, '--adapter', w.at('reward/adapter')];
    expect((await arena('evaluate', ...flags, '--data', w.data, '--out', w.at('judged'))).code).toBe(0);
    expect(JSON.parse(await readFile(w.at('judged/metrics.json'), 'utf8')).swap).toBeNull();
    expect((await arena('merge', ...flags, '--out', w.at('merged-reward'))).code).toBe(0);
    const config = JSON.parse(await readFile(w.at('merged-reward/config.json'), 'utf8'));
    expect(config.id2label).toEqual({ 0: 'reward' });
    expect(await readFile(w.at('merged-reward/README.md'), 'utf8')).toContain('sigmoid(reward of A - reward of B)');
  });

  test('serve answers with it', async () => {
    const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
    const child = spawn(process.execPath, [bin, 'serve', '--model', w.at('reward'), '--port', '0', '--threads', '1']);
    try {
      const [first] = (await once(child.stdout, 'data')) as [Buffer];
      const url = /http:\/\/\S+:\d+/.exec(String(first))![0];
      const { id: _, ...battle } = parse(await readFile(w.data, 'utf8'))[0];
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${url}/predict`, { method: 'POST', headers, body: JSON.stringify(battle) });
      const [{ probabilityA }] = await predict('reward', '--data', await w.votes('one.jsonl', BATTLES.slice(0, 1)));
      expect(((await response.json()) as { probabilityA: number }).probabilityA).toBeCloseTo(probabilityA, 5);
    } finally {
      child.kill('SIGTERM');
    }
  });

  test('the loss measured while training is the logistic loss of the votes', async () => {
    const engine = await openEngine('wasm', { threads: 1 });
    const adapter = await loadAdapter(w.at('reward/adapter'));
    const model = await loadGemma(w.base, { adapter, quantization: {}, numLabels: 1 });
    const tokenizer = loadTokenizer(await readFile(`${w.base}/tokenizer.json`));
    const votes: Battle[] = TIED.slice(0, 8);
    const packing = { frame: COMPACT_ANSWER_FRAME, maxTokens: 256 };
    const packed = votes.map(answerPacker(tokenizer, packing));
    const measured = await measure(model, objectiveOfCard({ head: 'reward', pack: packing }, 1), packed);
    await model.dispose();
    engine.dispose();
    const said = await predict('reward', '--data', await w.votes('eight.jsonl', votes));
    const shareOfA = votes.map(({ winner }) => (winner === 'a' ? 1 : winner === 'b' ? 0 : 0.5));
    const loss = said.map(({ probabilityA: p }, i) => -shareOfA[i] * Math.log(p) - (1 - shareOfA[i]) * Math.log(1 - p));
    const right = said.map(({ probabilityA: p }, i) => (p > 0.5 ? shareOfA[i] : 1 - shareOfA[i]));
    const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
    expect(measured.loss).toBeCloseTo(mean(loss), 5);
    expect(measured.accuracy).toBeCloseTo(mean(right), 12);
  });
});

describe('a head of three classes', () => {
  test('keeps ties, predicts them, and is scored on them', async () => {
    const run = await train('three', 'tied.jsonl', '--classes', '3', '--eval-every', '4');
    expect(run.err).not.toContain('arena train:');
    expect(run.out).toMatch(/A, B or tie \(\d+ battles, \d+ ties\): accuracy/);
    const splits = JSON.parse(await readFile(w.at('three/splits.json'), 'utf8'));
    const predictions = await lines(w.at('three/predictions.jsonl'));
    expect(predictions.map(({ id }) => id)).toEqual(splits.test);
    const tied = new Set(TIED.filter(({ winner }) => winner === 'tie').map(({ id }) => id));
    expect(predictions.some(({ id, winner }) => tied.has(id) && winner === 'tie')).toBe(true);
    for (const {
      probabilityA,
      probabilities: [a, b, tie],
    } of predictions) {
      expect(a + b + tie).toBeCloseTo(1, 5);
      expect(probabilityA).toBeCloseTo(a + tie / 2, 6);
    }
    const figures = JSON.parse(await readFile(w.at('three/three-classes.json'), 'utf8'));
    expect(figures.battles).toBe(splits.test.length);
    const right = predictions.filter(
      ({ winner, probabilities }) => ['a', 'b', 'tie'][probabilities.indexOf(Math.max(...probabilities))] === winner,
    );
    expect(figures.accuracy).toBeCloseTo(right.length / predictions.length, 12);
  });

  test('without ties it is refused', async () => {
    await w.votes(
      'decided.jsonl',
      BATTLES.filter(({ winner }) => winner !== 'tie'),
    );
    const { err, code } = await train('never', 'decided.jsonl', '--classes', '3');
    expect(code).toBe(1);
    expect(err).toContain('there is no tie to learn from; --classes 3 needs them');
  });

  test('a prepared folder that kept ties serves both heads', async () => {
    const files = ['--data', w.at('tied.jsonl'), '--tokenizer', w.base, '--out', w.at('prepared')];
    const packing = ['--max-tokens', '256', '--frame', 'compact'];
    expect((await arena('prepare', ...files, ...packing, '--ties', 'keep')).code).toBe(0);
    const three = await train('three-prepared', 'prepared', '--classes', '3');
    expect(three.out).toContain('tokens as prepared');
    const two = await train('two-prepared', 'prepared');
    expect(two.out).toMatch(/left out: .*\d+ ties/);
    expect(two.code).toBe(0);
    const count = async (name: string) => JSON.parse(await readFile(w.at(`${name}/splits.json`), 'utf8')).test.length;
    expect(await count('two-prepared')).toBeLessThan(await count('three-prepared'));
  });
});

describe('soft labels and smoothing', () => {
  test('a teacher that agrees with the votes gives the run of the votes; its logits count like its probabilities', async () => {
    const rows = parse(await readFile(w.data, 'utf8'));
    const write = (name: string, more: (row: { winner: string }) => object) =>
      writeFile(w.at(name), rows.map((row) => `${JSON.stringify({ ...row, ...more(row) })}\n`).join(''));
    await write('sure.jsonl', ({ winner }) => ({ soft_label: winner === 'model_a' ? [1, 0] : [0, 1] }));
    await write('soft.jsonl', ({ winner }) => ({ soft_label: winner === 'model_a' ? [0.75, 0.25] : [0.25, 0.75] }));
    await write('logits.jsonl', ({ winner }) => ({
      teacher_logits: winner === 'model_a' ? [Math.log(3), 0] : [0, Math.log(3)],
    }));
    const losses = async (name: string, data: string, ...flags: string[]) => {
      const run = await train(name, data, ...flags);
      expect(run.err).not.toContain('arena train:');
      return (await lines(w.at(`${name}/log.jsonl`))).map(({ loss }) => loss as number);
    };
    const votes = await losses('votes', 'votes.jsonl');
    expect(await losses('sure', 'sure.jsonl', '--soft-labels', '1')).toEqual(votes);
    const soft = await losses('soft', 'soft.jsonl', '--soft-labels', '1');
    expect(soft).not.toEqual(votes);
    const logits = await losses('logits', 'logits.jsonl', '--soft-labels', '1');
    // smoothing by 1/2 makes one-hot targets the same [3/4, 1/4]
    const smoothed = await losses('smoothed', 'votes.jsonl', '--label-smoothing', '0.5');
    for (const [i, loss] of soft.entries()) {
      expect(logits[i]).toBeCloseTo(loss, 5);
      expect(smoothed[i]).toBeCloseTo(loss, 5);
    }
  });

  test('a share without the column is refused', async () => {
    const { err, code } = await train('never', 'votes.jsonl', '--soft-labels', '0.5');
    expect(code).toBe(1);
    expect(err).toContain('no battle has a soft_label or teacher_logits column');
  });
});

test('flags that contradict each other are refused', async () => {
  const refused = async (...flags: string[]) => (await train('never', 'votes.jsonl', ...flags)).err;
  expect(await refused('--loss', 'bradley-terry', '--classes', '3')).toContain('--classes 3 is for cross entropy');
  expect(await refused('--loss', 'bradley-terry', '--swap-augment')).toContain('sees each answer alone');
});

test('an adapter whose head is not what its card says is refused', async () => {
  const path = w.at('three/adapter/arena.json');
  const text = await readFile(path, 'utf8');
  const ask = () => arena('predict', '--base', w.base, '--adapter', w.at('three/adapter'), '--data', w.data);
  await writeFile(path, text.replace('"classes"', '"reward"'));
  expect((await ask()).err).toContain("its head has 3 labels, arena.json says 'reward', which has 1");
  await writeFile(path, text.replace('"classes"', '"vibes"'));
  expect((await ask()).err).toContain('head is "vibes"');
  await writeFile(path, text);
});
