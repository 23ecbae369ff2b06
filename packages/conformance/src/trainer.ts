/** @file Area trainer: whole runs of the HF Trainer, and its parts (schedules, order, AdamW, clipping, early stopping). */

import { type Classifier, forward, trainable, trainableParameters } from '@arena/decoder';
import { linearModules } from '@arena/decoder/family';
import { crossEntropy } from '@arena/decoder/losses';
import { flattenPadded } from '@arena/decoder/model';
import type { Location } from '@arena/files';
import { loadGemma, readConfig } from '@arena/gemma';
import { type AdapterFiles, type LoraConfig, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { Mt19937, randperm } from '@arena/random';
import { parameter } from '@arena/runtime';
import { adamW, type MicroBatch, train } from '@arena/trainer';
import { EARLY_STOPPING_START, earlyStopping } from '@arena/trainer/checkpoint';
import {
  type AdamWState,
  clipScale,
  floatMoments,
  gradientNorm,
  isDecayed,
  type ScheduleKind,
  scheduleFactor,
  totalSteps,
  warmupSteps,
} from '@arena/trainer/optimizer';
import { dispose, type Tensor, tensor } from '@tensorflow/tfjs-core';
import {
  type Case,
  type Check,
  compare,
  findBytes,
  floats,
  readJson,
  readTensors,
  same,
  sha256,
  sharedFolder,
  type Tolerance,
  toleranceOf,
} from './case.js';

export async function trainerCase(one: Case): Promise<Check[] | undefined> {
  const { json } = one;
  if (json.settings) return runCase(one);
  if (json.schedules) return schedulesCase(one);
  if (json.runs) return adamWCase(one);
  const [row] = json.rows as Record<string, unknown>[];
  if ('perm' in row) return randpermCase(one);
  if ('max_norm' in row) return clipCase(one);
  if ('patience' in row) return earlyStoppingCase(one);
  return undefined;
}

interface Settings {
  n: number;
  bs: number;
  ga: number;
  ep: number;
  lr: number;
  wd: number;
  warm: number;
  seed: number;
  side: 'left' | 'right';
  sched?: ScheduleKind;
  clip?: number;
  full?: boolean;
}

interface Row {
  input_ids: number[];
  labels: number;
}

interface HistoryEntry {
  loss?: number;
  grad_norm?: number;
  eval_loss?: number;
  eval_accuracy?: number;
  epoch: number;
  step: number;
}

async function runCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const settings = json.settings as Settings;
  const data = await readJson<{ train: Row[]; eval: Row[] }>(one, 'data.json');
  const base = sharedFolder(one, json.base_model);
  const model = await startModel(one, base, settings);
  const history = json.log_history as HistoryEntry[];
  const order: number[][][] = [];
  const evaluations: { loss: number; accuracy: number }[] = [];
  let state: AdamWState | undefined;
  const result = await train({
    model: trainable(model),
    batches: (epoch) => {
      order[epoch] = hfOrder(data.train.length, settings.bs, settings.seed + epoch);
      return order[epoch].map((rows) =>
        microBatch(
          rows.map((row) => data.train[row]),
          settings.side,
        ),
      );
    },
    epochs: settings.ep,
    accumulation: settings.ga,
    learningRate: settings.lr,
    weightDecay: settings.wd,
    warmup: settings.warm,
    schedule: settings.sched ?? 'linear',
    maxGradNorm: settings.clip ?? 1,
    hfLossScaling: json.model_accepts_loss_kwargs as boolean,
    onEpochEnd: async (_epoch, { optimizer }) => {
      evaluations.push(await evaluate(model, data.eval, settings.side));
      state = { step: optimizer.step, moments: floatMoments(optimizer).map(copyMoments) };
    },
  });
  const logged = history.filter(({ loss }) => loss !== undefined);
  const evaluated = history.filter(({ eval_loss }) => eval_loss !== undefined);
  const checks = [
    same('order_by_epoch', order, json.order_by_epoch),
    compare(
      'lr_used',
      result.log.map((entry) => entry.learning_rate),
      json.lr_used as number[],
      toleranceOf(one, 'lr_used'),
    ),
    same('steps', result.steps, json.steps),
    compare(
      'epoch',
      result.log.map(({ epoch }) => epoch),
      logged.map(({ epoch }) => epoch),
      { rtol: 1e-12 },
    ),
    same(
      'no_decay',
      trainableParameters(model)
        .map(({ name }) => name)
        .filter((name) => !isDecayed(name)),
      json.no_decay,
    ),
    compare(
      'eval_accuracy',
      evaluations.map(({ accuracy }) => accuracy),
      evaluated.map((entry) => entry.eval_accuracy!),
      { rtol: 1e-6 },
    ),
  ];
  const early = toleranceOf(one, 'loss, grad_norm, first 3 steps');
  const later = toleranceOf(one, 'loss, grad_norm, later');
  checks.push(
    compare(
      'eval_loss',
      evaluations.map(({ loss }) => loss),
      evaluated.map((entry) => entry.eval_loss!),
      later,
    ),
  );
  result.log.forEach((entry, i) => {
    const tolerance = i < 3 ? early : later;
    checks.push(compare(`step ${i + 1} loss`, [entry.loss], [logged[i].loss!], tolerance));
    checks.push(compare(`step ${i + 1} grad_norm`, [entry.grad_norm], [logged[i].grad_norm!], tolerance));
  });
  const want = await readTensors(one, 'weights_final.safetensors');
  for (const { name, value } of trainableParameters(model)) {
    checks.push(compare(name, await value.data(), floats(want, name), toleranceOf(one, 'weights_final')));
  }
  if (await findBytes(one, 'optimizer_state.safetensors')) {
    checks.push(...(await stateChecks(one, state!, toleranceOf(one, 'weights_final'))));
  }
  const best = evaluations.reduce((lowest, { loss }, i) => (loss < evaluations[lowest].loss ? i : lowest), 0);
  checks.push(same('best step', evaluated[best].step, (json.best as { step: number }).step));
  for (const { expAvg, expAvgSq } of floatMoments(state!)) dispose([expAvg, expAvgSq]);
  await model.dispose();
  return checks;
}

async function startModel(one: Case, base: Location, { full }: Settings): Promise<Classifier> {
  if (full) return loadGemma(base, { trainAll: true });
  const config = loraConfig(one.json.lora as Partial<LoraConfig>);
  const start = await readTensors(one, 'adapter_start.safetensors');
  const weights: AdapterFiles['weights'] = new Map();
  for (const { path, r } of resolveTargets(config, linearModules(await readConfig(base)))) {
    const matrix = (name: string) => floats(start, `base_model.model.${path}.${name}.weight`);
    weights.set(path, { A: matrix('lora_A'), B: matrix('lora_B'), r });
  }
  const head = start.get('base_model.model.score.weight')!;
  const score = { values: floats(start, head.name), shape: head.shape as [number, number] };
  return loadGemma(base, { adapter: { config, weights, score } });
}

function copyMoments({ expAvg, expAvgSq }: { expAvg: Tensor; expAvgSq: Tensor }) {
  return { expAvg: expAvg.clone(), expAvgSq: expAvgSq.clone() };
}

async function stateChecks(one: Case, state: AdamWState, tolerance: Tolerance): Promise<Check[]> {
  const want = await readTensors(one, 'optimizer_state.safetensors');
  const checks: Check[] = [];
  for (const [i, { expAvg, expAvgSq }] of floatMoments(state).entries()) {
    checks.push(compare(`state ${i} step`, [state.step], floats(want, `${i}.step`), {}));
    // Moments follow the gradients, which are held to the tolerance of the later steps' norms.
    checks.push(compare(`state ${i} exp_avg`, await expAvg.data(), floats(want, `${i}.exp_avg`), tolerance));
    checks.push(compare(`state ${i} exp_avg_sq`, await expAvgSq.data(), floats(want, `${i}.exp_avg_sq`), tolerance));
  }
  return checks;
}

/** torch.randperm of the epoch's seed, cut into batches; the last may be short. */
function hfOrder(n: number, batchSize: number, seed: number): number[][] {
  const order = Array.from(randperm(new Mt19937(seed), n));
  return Array.from({ length: Math.ceil(n / batchSize) }, (_, i) => order.slice(i * batchSize, (i + 1) * batchSize));
}

/** The rows padded as the run padded them, and flattened again. */
function microBatch(rows: Row[], side: 'left' | 'right'): MicroBatch {
  const width = Math.max(...rows.map(({ input_ids }) => input_ids.length));
  const pad = (values: number[], filler: number) => {
    const padding = new Array<number>(width - values.length).fill(filler);
    return side === 'left' ? [...padding, ...values] : [...values, ...padding];
  };
  const ids = rows.map(({ input_ids }) => pad(input_ids, 0));
  const mask = rows.map(({ input_ids }) =>
    pad(
      input_ids.map(() => 1),
      0,
    ),
  );
  return { ...flattenPadded(ids, mask), labels: rows.map(({ labels }) => labels) };
}

async function evaluate(model: Classifier, rows: Row[], side: 'left' | 'right') {
  const batch = microBatch(rows, side);
  const logits = await forward(model, batch);
  const { loss, dlogits } = crossEntropy(logits, batch.labels);
  const values = await logits.data();
  const width = logits.shape[1];
  const right = rows.filter(({ labels }, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    return row.indexOf(Math.max(...row)) === labels;
  });
  const result = { loss: (await loss.data())[0], accuracy: right.length / rows.length };
  dispose([logits, loss, dlogits]);
  return result;
}

function schedulesCase(one: Case): Check[] {
  const { json } = one;
  const schedules = json.schedules as {
    kind: ScheduleKind;
    warmup: number;
    steps: number;
    lr: number;
    values: number[];
  }[];
  const counts = json.step_counts as Record<string, number>[];
  return [
    ...schedules.map(({ kind, warmup, steps, lr, values }) => {
      const got = values.map((_, k) => lr * scheduleFactor(kind, k, warmup, steps));
      return compare(`${kind}, warm-up ${warmup} of ${steps}`, got, values, toleranceOf(one, 'values'));
    }),
    ...counts.map((row) => {
      const total = totalSteps(Math.ceil(row.samples / row.batch), row.accumulation, row.epochs);
      const got = { total, warmup: warmupSteps(row.warmup_steps, total) };
      return same(`steps of ${JSON.stringify(row)}`, got, { total: row.total_steps, warmup: row.warmup });
    }),
  ];
}

async function randpermCase({ json }: Case): Promise<Check[]> {
  const rows = json.rows as { seed: number; n: number; perm: number[] }[];
  const large = (json.large ?? []) as { seed: number; n: number; sha256_of_little_endian_int32: string }[];
  const checks = rows.map(({ seed, n, perm }) =>
    compare(`seed ${seed}, n ${n}`, randperm(new Mt19937(seed), n), perm, {}),
  );
  for (const { seed, n, sha256_of_little_endian_int32: want } of large) {
    const order = randperm(new Mt19937(seed), n);
    checks.push(same(`seed ${seed}, n ${n}`, await sha256(new Uint8Array(order.buffer)), want));
  }
  return checks;
}

async function adamWCase(one: Case): Promise<Check[]> {
  const tensors = await readTensors(one, one.json.tensors as string);
  const checks: Check[] = [];
  type Run = { key: string; lr: number; weight_decay: number; betas: [number, number]; eps: number; steps: number };
  for (const { key, lr, weight_decay: weightDecay, betas, eps, steps } of one.json.runs as Run[]) {
    const [, ...shape] = tensors.get(`${key}.params`)!.shape;
    const size = shape.reduce((a, b) => a * b, 1);
    const params = floats(tensors, `${key}.params`);
    const gradients = floats(tensors, `${key}.grads`);
    const p = parameter('weight', tensor(params.slice(0, size), shape));
    const optimizer = adamW([p], { beta1: betas[0], beta2: betas[1], eps, weightDecay, maxGradNorm: 0 });
    for (let step = 0; step < steps; step++) {
      p.gradient = tensor(gradients.slice(step * size, (step + 1) * size), shape);
      await optimizer.step(lr);
      const want = params.subarray((step + 1) * size, (step + 2) * size);
      checks.push(compare(`${key} step ${step + 1}`, await p.value.data(), want, toleranceOf(one, 'params')));
    }
    const { expAvg, expAvgSq } = floatMoments(optimizer.state)[0];
    // The case states how far parameters may be apart; moments, which cancel to nearly zero, are held to it by norm.
    const tolerance = { rel_l2: toleranceOf(one, 'params').rtol };
    checks.push(compare(`${key} exp_avg`, await expAvg.data(), floats(tensors, `${key}.exp_avg`), tolerance));
    checks.push(compare(`${key} exp_avg_sq`, await expAvgSq.data(), floats(tensors, `${key}.exp_avg_sq`), tolerance));
    optimizer.dispose();
    p.value.dispose();
  }
  return checks;
}

async function clipCase(one: Case): Promise<Check[]> {
  const tensors = await readTensors(one, one.json.tensors as string);
  const tolerance = one.json.tolerance as Tolerance;
  const checks: Check[] = [];
  for (const { case: index, max_norm, norm } of one.json.rows as { case: number; max_norm: number; norm: number }[]) {
    const names = [...tensors.keys()].filter((name) => name.startsWith(`${index}.in.`));
    const parameters = names.map((name) => {
      const values = floats(tensors, name);
      return { ...parameter(name, tensor(new Float32Array(values.length))), gradient: tensor(values) };
    });
    const got = await gradientNorm(parameters);
    checks.push(compare(`case ${index} norm`, [got], [norm], tolerance));
    const scale = clipScale(got, max_norm);
    for (const name of names) {
      const clipped = floats(tensors, name).map((value) => value * scale);
      checks.push(compare(`${name} clipped`, clipped, floats(tensors, name.replace('.in.', '.out.')), tolerance));
    }
    for (const { value, gradient } of parameters) dispose([value, gradient]);
  }
  return checks;
}

function earlyStoppingCase({ json }: Case): Check[] {
  interface StopRow {
    greater_is_better: boolean;
    patience: number;
    threshold: number;
    values: number[];
    stop_after_evaluation: number | null;
    counters: number[];
    best_metric: number[];
    best_index: number;
  }
  return (json.rows as StopRow[]).map((row, i) => {
    const options = { patience: row.patience, threshold: row.threshold, greaterIsBetter: row.greater_is_better };
    let state = EARLY_STOPPING_START;
    const got: Partial<StopRow> = { counters: [], best_metric: [], stop_after_evaluation: null };
    for (const [k, value] of row.values.entries()) {
      const next = earlyStopping(state, value, options);
      state = next;
      got.counters!.push(next.counter);
      got.best_metric!.push(next.best!);
      if (next.stop) {
        got.stop_after_evaluation = k;
        break;
      }
    }
    const { counters, best_metric, stop_after_evaluation, best_index } = row;
    const want = { counters, best_metric, stop_after_evaluation, best_index };
    return same(`row ${i}`, { ...got, best_index: state.bestIndex }, want);
  });
}
