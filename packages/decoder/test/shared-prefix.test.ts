import { forward, scoreSequences } from '@arena/decoder';
import { sharePrefixes, tokenLogits } from '@arena/decoder/model';
import { loadGemma } from '@arena/gemma';
import { openEngine } from '@arena/runtime';
import { memory, Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { tinyCheckpoint } from './tiny.js';

/** Sequences of the given prefix and ends. */
function batchOf(sequences: number[][]) {
  const offsets = [0];
  for (const { length } of sequences) offsets.push(offsets[offsets.length - 1] + length);
  return { ids: Int32Array.from(sequences.flat()), offsets: Int32Array.from(offsets) };
}

const words = (length: number, seed: number) =>
  Array.from({ length }, (_, i) => 3 + ((i * 17 + seed * 7 + i * i) % 40));

describe('sharePrefixes', () => {
  test('computes what two sequences begin with once', () => {
    const prefix = words(40, 1);
    const shared = sharePrefixes(batchOf([[...prefix, 5, 6], [...prefix, 7], words(4, 9)]))!;
    expect([...shared.ids]).toEqual([...prefix, 5, 6, 7, ...words(4, 9)]);
    expect([...shared.positions.slice(38)]).toEqual([38, 39, 40, 41, 40, 0, 1, 2, 3]);
    expect([...shared.first.slice(40)]).toEqual([40, 41, 82, 83, 84, 85, 86]);
    expect([...shared.source.slice(42, 82)]).toEqual([...prefix.keys()]);
    expect([...shared.source.slice(82)]).toEqual([42, 43, 44, 45, 46]);
  });

  test('shares through several sequences, and equal ones wholly', () => {
    const one = words(50, 2);
    const shared = sharePrefixes(batchOf([one, one, [...one.slice(0, 45), 1, 2]]))!;
    expect(shared.ids).toHaveLength(52);
    expect([...shared.source.slice(100, 145)]).toEqual([...Array(45).keys()]);
  });

  test('leaves short beginnings alone', () => {
    expect(sharePrefixes(batchOf([words(31, 1), [...words(31, 1), 5]]))).toBeNull();
    expect(sharePrefixes(batchOf([words(90, 1)]))).toBeNull();
  });
});

describe.each(['cpu', 'wasm'] as const)('on engine %s', (engine) => {
  let base: string;
  beforeAll(async () => {
    await openEngine(engine, engine === 'wasm' ? { threads: 1 } : {});
    base = await tinyCheckpoint();
  });

  test('logits are those of the sequences alone, and nothing is left behind', async () => {
    const model = await loadGemma(base, { quantization: {}, scoreSeed: 42 });
    const prefix = words(40, 1);
    const sequences = [[...prefix, 5, 6, 9], [...prefix, 7], prefix, prefix, words(12, 3)];
    const before = memory().numTensors;
    const together = await forward(model, batchOf(sequences));
    const got = await together.array();
    together.dispose();
    for (const [i, sequence] of sequences.entries()) {
      const alone = await forward(model, batchOf([sequence]));
      const [want] = await alone.array();
      alone.dispose();
      want.forEach((value, k) => {
        expect(Math.abs(got[i][k] - value)).toBeLessThan(2e-5);
      });
    }
    const answers = await tokenLogits(model, batchOf(sequences), [5, 6]);
    expect(answers.shape).toEqual([5, 2]);
    answers.dispose();
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });

  test('scoreSequences keeps pairs together and their order', async () => {
    const model = await loadGemma(base, { quantization: {}, scoreSeed: 42 });
    const pairs = [1, 2, 3].flatMap((seed) => {
      const prompt = words(35 + seed, seed);
      return [
        [...prompt, 5, 6],
        [...prompt, 6, 5, 4],
      ].map((ids) => Int32Array.from(ids));
    });
    const alone = await scoreSequences(model, pairs, { tokensPerBatch: 1 });
    const together = await scoreSequences(model, pairs, { together: 2, tokensPerBatch: 200 });
    together.forEach(([a], i) => {
      expect(Math.abs(a - alone[i][0])).toBeLessThan(1e-5);
    });
    await expect(scoreSequences(model, pairs.slice(1), { together: 2 })).rejects.toThrow('5 sequences');
    for (const together of [0, -2, 1.5, Number.NaN]) {
      await expect(scoreSequences(model, pairs, { together })).rejects.toThrow(
        `6 sequences cannot be taken ${together} at a time`,
      );
    }
    await model.dispose();
  });

  test('scores that cannot be read leave nothing behind', async () => {
    const model = await loadGemma(base, { quantization: {}, scoreSeed: 42 });
    const before = memory().numTensors;
    const lost = vi.spyOn(Tensor.prototype, 'data').mockRejectedValue(new Error('the device is lost'));
    onTestFinished(() => lost.mockRestore());
    await expect(scoreSequences(model, [Int32Array.of(5, 6)])).rejects.toThrow('the device is lost');
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });
});
