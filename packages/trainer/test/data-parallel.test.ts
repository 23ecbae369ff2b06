import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Classifier, type Loss, trainable } from '@arena/decoder';
import { crossEntropy } from '@arena/decoder/losses';
import { type LoadGemmaOptions, loadGemma } from '@arena/gemma';
import { loadAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import {
  type Communicator,
  loadCheckpoint,
  saveCheckpoint,
  type TrainOptions,
  type TrainResult,
  train,
} from '@arena/trainer';
import { latestCheckpoint, restoreProgress } from '@arena/trainer/checkpoint';
import { localCommunicators, RankFailure } from '@arena/trainer/ranks';
import { memory, mul, type Scalar } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { batches, LORA, optionsFor, tinyBase, weightsOf } from './tiny.js';

let base: string;
const folders: string[] = [];
beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyBase();
  folders.push(base);
});
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

const opened: Classifier[] = [];
async function load(options: LoadGemmaOptions = LORA): Promise<Classifier> {
  const model = await loadGemma(base, options);
  opened.push(model);
  return model;
}
const disposeAll = async () => {
  for (const model of opened.splice(0)) await model.dispose();
};
afterEach(disposeAll);

interface Rank {
  model: Classifier;
  result: PromiseSettledResult<TrainResult>;
}

/** Trains on `size` ranks side by side. Rank 0 has the adapter of seed 1, the others one of their own, which must not count. */
async function trainRanks(
  size: number,
  more: (rank: number, model: Classifier) => Partial<TrainOptions> = () => ({}),
  communicators: Communicator[] = localCommunicators(size),
): Promise<Rank[]> {
  const models = await Promise.all(
    communicators.map(({ rank }) => load({ ...LORA, lora: { ...LORA.lora!, seed: 1 + rank } })),
  );
  const results = await Promise.allSettled(
    communicators.map((communicator, rank) =>
      train({ ...optionsFor(models[rank]), accumulation: 4, communicator, ...more(rank, models[rank]) }),
    ),
  );
  return results.map((result, rank) => ({ model: models[rank], result }));
}

async function alone(more: (model: Classifier) => Partial<TrainOptions> = () => ({})) {
  const model = await load();
  const result = await train({ ...optionsFor(model), accumulation: 4, ...more(model) });
  return { weights: await weightsOf(model), result };
}

const resultOf = ({ result }: Rank) => {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
};

describe('the result is that of one process, bit for bit', () => {
  // 5 micro-batches an epoch in groups of 4 and 1: the ranks have unequal shares, some none at all
  test.each([1, 2, 3, 4, 7])('%i ranks', async (size) => {
    const want = await alone();
    const ranks = await trainRanks(size);
    for (const rank of ranks) {
      expect(resultOf(rank)).toEqual(want.result);
      expect(await weightsOf(rank.model)).toEqual(want.weights);
    }
  });

  test('with evaluation, the best weights at the end, and callbacks on rank 0 alone', async () => {
    const measured = (step: number) => Promise.resolve({ loss: [0.9, 0.5, 0.7, 0.8][step - 1] });
    const evaluation = { evaluate: measured, evaluateEvery: 1, restoreBest: true };
    const want = await alone(() => evaluation);
    expect(want.result.best).toEqual({ step: 2, metric: 0.5 });
    const called: string[] = [];
    const ranks = await trainRanks(2, (rank) => ({
      ...evaluation,
      evaluate: (step) => (rank === 0 ? measured(step) : Promise.reject(new Error('rank 1 must not evaluate'))),
      saveEvery: 2,
      onStep: ({ step }) => void called.push(`${rank} step ${step}`),
      onEvaluate: ({ step }) => void called.push(`${rank} evaluation ${step}`),
      onSave: ({ step }) => void called.push(`${rank} save ${step}`),
    }));
    for (const rank of ranks) {
      expect(resultOf(rank)).toEqual(want.result);
      expect(await weightsOf(rank.model)).toEqual(want.weights);
    }
    expect(called.filter((call) => !call.startsWith('0'))).toEqual([]);
    expect(called.slice(0, 5)).toEqual(['0 step 1', '0 evaluation 1', '0 step 2', '0 evaluation 2', '0 save 2']);
  });

  test('no tensor is left behind', async () => {
    await trainRanks(2);
    await disposeAll();
    const before = memory().numTensors;
    await trainRanks(2);
    await disposeAll();
    expect(memory().numTensors).toBe(before);
  });
});

describe('a rank that fails ends the run everywhere, with a checkpoint of the last whole step', () => {
  /** Trains on two ranks until `spoil` strikes; resumes from what rank 0 saved, with the checkpoint on rank 0 alone. */
  async function resumable(
    spoil: (rank: number, model: Classifier) => Partial<TrainOptions>,
    message: string,
    step: number,
  ) {
    const directory = await mkdtemp(join(tmpdir(), 'arena-trainer-'));
    folders.push(directory);
    const ranks = await trainRanks(2, (rank, model) => ({
      onInterrupt: async (progress) => {
        expect(rank).toBe(0);
        await saveCheckpoint(directory, trainable(model), progress, { totalSteps: 4, epochs: 2, batchSize: 2 });
      },
      ...spoil(rank, model),
    }));
    for (const { result } of ranks) {
      expect(result.status).toBe('rejected');
      expect((result as PromiseRejectedResult).reason.message).toContain(message);
    }
    const checkpoint = await loadCheckpoint((await latestCheckpoint(directory))!);
    expect(checkpoint.step).toBe(step);
    const want = await alone();
    const models = [
      await load({ quantization: {}, adapter: await loadAdapter(checkpoint.place) }),
      await load({ ...LORA, lora: { ...LORA.lora!, seed: 9 } }),
    ];
    const results = await Promise.all(
      localCommunicators(2).map((communicator, rank) => {
        const resume = rank === 0 ? restoreProgress(checkpoint, trainable(models[0])) : undefined;
        return train({ ...optionsFor(models[rank]), accumulation: 4, communicator, resume });
      }),
    );
    for (const [rank, model] of models.entries()) {
      expect(results[rank].log).toEqual(want.result.log);
      expect(await weightsOf(model)).toEqual(want.weights);
    }
    return ranks;
  }

  test('a loss that is no number, on rank 1', async () => {
    // micro-batch 1 of the second epoch is rank 1's, in step 3
    const broken: Partial<TrainOptions> = {
      batches: (epoch) =>
        batches(epoch).map((one, i) => (epoch === 1 && i === 1 ? { ...one, rows: [6, 7], labels: [7, 1] } : one)),
    };
    const spoiled: Loss = (logits, labels) => {
      const { loss, dlogits } = crossEntropy(logits, labels[0] === 7 ? [0, 1] : labels);
      return { loss: labels[0] === 7 ? mul<Scalar>(loss, Number.NaN) : loss, dlogits };
    };
    const spoil = (_: number, model: Classifier) => ({ ...broken, model: trainable(model, { loss: spoiled }) });
    const ranks = await resumable(spoil, 'rank 1: step 3, micro-batch 2 of 4 (rows 6, 7): the loss is NaN', 2);
    for (const { result } of ranks) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(RankFailure);
  });

  test('a callback that throws on rank 0', async () => {
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 3) throw new Error('no space left on device');
    };
    await resumable(() => ({ onStep }), 'rank 0: no space left on device', 3);
  });

  test('an abort on rank 1', async () => {
    const abort = new AbortController();
    let passes = 0;
    await resumable(
      (rank, model) => ({
        signal: rank === 1 ? abort.signal : undefined,
        model: trainable(model, {
          loss: (logits, labels) => {
            if (++passes === 6) abort.abort(new Error('asked to stop'));
            return crossEntropy(logits, labels);
          },
        }),
      }),
      'asked to stop',
      2,
    );
  });

  test('an evaluation that fails', async () => {
    const evaluate = (step: number) =>
      step < 2 ? Promise.resolve({ loss: 1 }) : Promise.reject(new Error('the validation part is gone'));
    await resumable(() => ({ evaluate, evaluateEvery: 1 }), 'rank 0: the validation part is gone', 2);
  });
});

test('a rank that does not answer is given up after an abort', async () => {
  const abort = new AbortController();
  const [first] = localCommunicators(2);
  const model = await load();
  const saved: number[] = [];
  const run = train({
    ...optionsFor(model),
    communicator: first,
    signal: abort.signal,
    onInterrupt: ({ step }) => void saved.push(step),
  });
  setTimeout(() => abort.abort(new Error('terminated')), 20);
  await expect(run).rejects.toThrow('another rank did not answer');
});

test('ranks with other data or flags are told apart before the first step', async () => {
  const ranks = await trainRanks(3, (rank) => (rank === 2 ? { batches: (epoch) => batches(epoch, 6) } : {}));
  for (const { result } of ranks) {
    const { reason } = result as PromiseRejectedResult;
    expect(reason.message).toBe('rank 2: has 6 batches an epoch, rank 0 has 5: they were given other data or flags');
  }
});

test('ranks that call different things are refused by the local communicators', async () => {
  const [a, b] = localCommunicators(2);
  const first = a.allGather(new Uint8Array(4));
  await expect(b.allGather(new Uint8Array(5))).rejects.toThrow(
    'rank 1 calls allGather of 5 bytes, another allGather of 4',
  );
  await b.allGather(new Uint8Array(4));
  await first;
});
