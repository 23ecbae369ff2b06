/**
 * @file Data-parallel training: several processes hold the same model. Each takes its share of a step's micro-batches,
 * the gradients are summed, and every process takes the same optimizer step.
 *
 * Order of the sums. Micro-batch i of a step belongs to rank i mod size, in round floor(i / size). A round is one
 * exchange: each rank gets its stretch of everybody's gradients and adds them, in the order of the ranks, to its
 * stretch of the total: ((g0 + g1) + g2) + ..., each sum rounded to float32, as one process adds up the same
 * micro-batches. A rank without a micro-batch gives -0, which changes no sum. So the result has the same bits as one
 * process with the same batches and accumulation.
 */

import { bytesSource } from '@arena/files';
import { clearGradient, type Parameter } from '@arena/runtime';
import { openSafetensors, type SafeTensor, serialize } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { keep, tensor } from '@tensorflow/tfjs-core';
import { restoreWeights } from './best-weights.js';
import type { Communicator } from './communicator.js';
import { float32, restoreState, stateTensors } from './optimizer-state.js';
import type { TrainProgress } from './train.js';

/**
 * A rank failed or was stopped. This ends the run on all ranks after the last whole step, and the run can resume from
 * there.
 */
export class RankFailure extends Error {
  override readonly name = 'RankFailure';

  constructor(
    readonly rank: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`rank ${rank}: ${message}`, options);
  }
}

/** Status of a rank in a round. */
const IDLE = 0;
const WORKED = 1;
const FAILED = 2;

/** Before each rank's stretch of gradients: status (u32), 4 bytes unused, loss (f64). */
const HEADER = 16;
/** Most bytes of a failure's message, in UTF-8. */
const MESSAGE_BYTES = 1024;

/** This process's part in a data-parallel run. */
export interface DataParallel {
  readonly rank: number;
  readonly size: number;
  /** Records an error of this rank. The next exchange ends the run everywhere. The first error counts. */
  fail(error: unknown): void;
  /**
   * Copies rank 0's weights and progress to every rank.
   * @param facts Facts that must be equal on all ranks, such as the number of batches.
   * @throws RankFailure when they differ.
   */
  share(progress: TrainProgress | undefined, facts: Record<string, number>): Promise<TrainProgress | undefined>;
  /**
   * A round: does this rank's work, if any, and sums the gradients of all ranks.
   * @param work Leaves gradients on the parameters and returns the loss.
   * @returns the losses of the ranks with work, in order.
   * @throws RankFailure on every rank when one of them failed.
   */
  exchange(work: (() => Promise<number>) | undefined): Promise<number[]>;
  /** Puts the summed gradients of all rounds on the parameters. */
  takeTotals(): Promise<void>;
  /** Sends a value that rank 0 makes, plain JSON, to every rank. @throws RankFailure on every rank when it cannot. */
  fromFirst<T>(make: () => Promise<T>): Promise<T>;
  /** @throws RankFailure on every rank when one of them has failed. */
  agree(): Promise<void>;
}

/** @param parameters Equal on every rank, in the same order. */
export function dataParallel(communicator: Communicator, parameters: Parameter[], signal?: AbortSignal): DataParallel {
  const { rank, size } = communicator;
  const values = parameters.reduce((sum, { value }) => sum + value.size, 0);
  // after the gradients, a mark for each parameter: 1 with a gradient, otherwise -0
  const chunk = Math.ceil((values + parameters.length) / size);
  const part = HEADER + 4 * chunk;
  let totals: Float32Array | undefined;
  let failure: { error: unknown } | undefined;

  const fail = (error: unknown) => {
    failure ??= { error };
  };

  const agree = async () => {
    const own = new Uint8Array(MESSAGE_BYTES);
    if (failure) {
      own[0] = 1;
      const { error } = failure;
      new TextEncoder().encodeInto(error instanceof Error ? error.message : String(error), own.subarray(1));
    }
    const all = await communicator.allGather(own, signal);
    for (let one = 0; one < size; one++) {
      const said = all.subarray(one * MESSAGE_BYTES, (one + 1) * MESSAGE_BYTES);
      if (!said[0]) continue;
      const text = new TextDecoder().decode(said.subarray(1)).replace(/\0+$/, '');
      throw new RankFailure(one, text, { cause: failure?.error });
    }
  };

  return {
    rank,
    size,
    fail,
    agree,
    async share(progress, facts) {
      const bytes = await broadcast(communicator, signal, rank === 0 && (() => packRun(parameters, progress, facts)));
      let shared = progress;
      if (rank > 0) {
        try {
          shared = await unpackRun(parameters, bytes, facts);
        } catch (error) {
          fail(error);
        }
      }
      await agree();
      return shared;
    },
    async exchange(work) {
      let status = work ? WORKED : IDLE;
      let loss = 0;
      const flat = new Float32Array(size * chunk).fill(-0);
      try {
        if (work && !failure) {
          loss = await work();
          await takeGradients(parameters, flat, values);
        }
      } catch (error) {
        fail(error);
      }
      if (failure) status = FAILED;
      const send = new Uint8Array(size * part);
      const header = new DataView(send.buffer);
      for (let to = 0; to < size; to++) {
        header.setUint32(to * part, status, true);
        header.setFloat64(to * part + 8, loss, true);
        send.set(bytesOf(flat.subarray(to * chunk, (to + 1) * chunk)), to * part + HEADER);
      }
      const got = (await communicator.allToAll(send, signal)).slice(); // aligned
      const heard = new DataView(got.buffer);
      const statuses = Array.from({ length: size }, (_, from) => heard.getUint32(from * part, true));
      if (statuses.includes(FAILED)) await agree();
      for (let from = 0; from < size; from++) {
        const stretch = new Float32Array(got.buffer, from * part + HEADER, chunk);
        if (!totals) totals = stretch.slice();
        else for (let i = 0; i < chunk; i++) totals[i] += stretch[i];
      }
      return statuses.flatMap((one, from) => (one === WORKED ? [heard.getFloat64(from * part + 8, true)] : []));
    },
    async takeTotals() {
      const all = (await communicator.allGather(bytesOf(totals!), signal)).slice();
      totals = undefined;
      const flat = new Float32Array(all.buffer);
      let at = 0;
      for (const [i, parameter] of parameters.entries()) {
        const { size: count, shape } = parameter.value;
        if (flat[values + i] > 0) parameter.gradient = keep(tensor(flat.slice(at, at + count), shape));
        at += count;
      }
    },
    async fromFirst<T>(make: () => Promise<T>) {
      let made: T | undefined;
      try {
        if (rank === 0 && !failure) made = await make();
      } catch (error) {
        fail(error);
      }
      await agree();
      const text = async () => new TextEncoder().encode(JSON.stringify(made));
      return JSON.parse(new TextDecoder().decode(await broadcast(communicator, signal, rank === 0 && text))) as T;
    },
  };
}

/** Moves the gradients into `flat`, in order of the parameters, with their marks from `marks` on. */
async function takeGradients(parameters: Parameter[], flat: Float32Array, marks: number): Promise<void> {
  let at = 0;
  for (const [i, parameter] of parameters.entries()) {
    if (parameter.gradient) {
      flat.set((await parameter.gradient.data()) as Float32Array, at);
      flat[marks + i] = 1;
      clearGradient(parameter);
    }
    at += parameter.value.size;
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Bytes of any length from rank 0. Only rank 0 has `make`. */
async function broadcast(
  communicator: Communicator,
  signal: AbortSignal | undefined,
  make: (() => Promise<Uint8Array>) | false,
): Promise<Uint8Array> {
  const bytes = make && (await make());
  const length = new Float64Array([bytes ? bytes.length : 0]);
  const [count] = new Float64Array(
    (await communicator.broadcast(new Uint8Array(length.buffer), signal)).slice().buffer,
  );
  return communicator.broadcast(bytes || new Uint8Array(count), signal);
}

interface RunHeader {
  facts: Record<string, number>;
  parameters: string[];
  progress?: Pick<TrainProgress, 'step' | 'log' | 'evaluations'> & {
    optimizerStep: number;
    best?: { step: number; metric: number };
  };
}

/** Weights, optimizer state and best weights as a .safetensors file with the progress in its metadata. */
async function packRun(
  parameters: Parameter[],
  progress: TrainProgress | undefined,
  facts: Record<string, number>,
): Promise<Uint8Array> {
  const tensors: SafeTensor[] = [];
  for (const { name, value } of parameters) tensors.push(await float32(`weight.${name}`, value));
  const header: RunHeader = { facts, parameters: parameters.map(({ name }) => name) };
  if (progress) {
    const { step, log, evaluations, best, optimizer } = progress;
    tensors.push(...(await stateTensors(parameters, optimizer)));
    for (const [name, one] of best?.values ?? []) {
      tensors.push({ name: `best.${name}`, dtype: 'F32', shape: [one.length], data: bytesOf(one) });
    }
    header.progress = {
      step,
      log,
      evaluations,
      optimizerStep: optimizer.step,
      ...(best ? { best: { step: best.step, metric: best.metric } } : {}),
    };
  }
  return serialize(tensors, { run: JSON.stringify(header) });
}

async function unpackRun(
  parameters: Parameter[],
  bytes: Uint8Array,
  facts: Record<string, number>,
): Promise<TrainProgress | undefined> {
  const file = await openSafetensors(bytesSource(bytes));
  const header = JSON.parse(file.metadata!.run) as RunHeader;
  for (const [name, here] of Object.entries(facts)) {
    const there = header.facts[name];
    if (here !== there)
      throw new Error(`has ${here} ${name}, rank 0 has ${there}: they were given other data or flags`);
  }
  if (header.parameters.join() !== parameters.map(({ name }) => name).join()) {
    throw new Error('trains other parameters than rank 0: they were given other bases or flags');
  }
  const stored = new Map<string, SafeTensor>();
  for (const name of file.names()) stored.set(name, await file.read(name));
  const valuesOf = (prefix: string) =>
    new Map(parameters.map(({ name }) => [name, Float32Array.from(toFloat32(stored.get(`${prefix}.${name}`)!))]));
  restoreWeights(parameters, { values: valuesOf('weight') });
  if (!header.progress) return undefined;
  const { step, log, evaluations, optimizerStep, best } = header.progress;
  return {
    step,
    log,
    evaluations,
    optimizer: restoreState(parameters, optimizerStep, stored, 'rank 0'),
    ...(best ? { best: { ...best, values: valuesOf('best') } } : {}),
  };
}
