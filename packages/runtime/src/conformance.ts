/** @file The conformance suite: every sample of every op on an engine against the op's reference on engine `cpu`. */
import { setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type EngineName, type EngineOptions, openEngine } from './engine.js';
import { type AnyOp, BACKEND_OF, type OpInputs, type OpSample, runOp } from './op.js';

/** Result of one sample. */
export interface SampleResult {
  op: string;
  sample: string;
  engine: EngineName;
  /** `kernel`, or `reference` when the op has no kernel for the engine. */
  path: 'kernel' | 'reference';
  /** Largest |got - want| / max(1, max|want|) over the outputs; Infinity for NaN or wrong shapes. */
  maxError: number;
  /** Largest |want|. With 0, missing results would pass. */
  largest: number;
  tolerance: number;
  passed: boolean;
  /** The op's error, if it threw. */
  error?: string;
}

interface Output {
  shape: number[];
  values: ArrayLike<number>;
}

const DEFAULT_TOLERANCE = 2e-5;
/** Smallest tolerance with the engine's option `f16`: half precision keeps 11 bits of a factor. */
const HALF_TOLERANCE = 2e-3;

/**
 * Runs every sample of `ops` on an engine and compares it with the reference on `cpu`. Afterwards the engine is tfjs's
 * current backend. With the option `f16` an error of 2e-3 passes.
 * @throws EngineError when the engine cannot be opened here.
 * @example
 * const results = await checkOps(declaredOps('my-ops'), 'wasm', { threads: 2 });
 * const wrong = results.filter(({ passed }) => !passed);
 */
export async function checkOps(
  ops: readonly AnyOp[],
  engineName: EngineName,
  options: EngineOptions = {},
): Promise<SampleResult[]> {
  const { name: engine } = await openEngine(engineName, options);
  const results: SampleResult[] = [];
  for (const op of ops) {
    for (const sample of op.samples()) {
      const tolerance = Math.max(sample.tolerance ?? DEFAULT_TOLERANCE, options.f16 ? HALF_TOLERANCE : 0);
      const path = op.kernels[engine] ? 'kernel' : 'reference';
      const result = { op: op.name, sample: sample.name, engine, path, tolerance } as const;
      try {
        await setBackend(BACKEND_OF.cpu);
        const want = await outputsOf(sample, (inputs) => op.reference(inputs, sample.attrs));
        await setBackend(BACKEND_OF[engine]);
        const got = await outputsOf(sample, (inputs) => runOp(op, inputs, sample.attrs));
        const maxError = compare(got, want);
        results.push({ ...result, maxError, largest: largestOf(want), passed: maxError <= tolerance });
      } catch (error) {
        results.push({
          ...result,
          maxError: Number.POSITIVE_INFINITY,
          largest: 0,
          passed: false,
          error: String(error),
        });
      }
    }
  }
  await setBackend(BACKEND_OF[engine]);
  return results;
}

async function outputsOf(sample: OpSample<unknown>, run: (inputs: OpInputs) => Tensor[]): Promise<Output[]> {
  const tensors = tidy(() => {
    const inputs: OpInputs = {};
    for (const [name, { shape, dtype, values }] of Object.entries(sample.inputs)) {
      inputs[name] = tensor(values.slice(), shape, dtype);
    }
    return run(inputs);
  });
  const outputs = await Promise.all(
    tensors.map(async (output) => ({ shape: output.shape, values: await output.data() })),
  );
  for (const output of tensors) output.dispose();
  return outputs;
}

function largestOf(outputs: Output[]): number {
  return outputs.reduce((most, { values }) => Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
}

/** Largest |got - want| / max(1, max|want|) over all outputs. */
function compare(got: Output[], want: Output[]): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...got.map((output, i) => compareOutput(output, want[i])));
}

function compareOutput(got: Output, want: Output): number {
  if (String(got.shape) !== String(want.shape)) return Number.POSITIVE_INFINITY;
  let largest = 1;
  for (let i = 0; i < want.values.length; i++) largest = Math.max(largest, Math.abs(want.values[i]));
  let error = 0;
  for (let i = 0; i < want.values.length; i++) {
    const difference = Math.abs(got.values[i] - want.values[i]);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, difference);
  }
  return error / largest;
}

/** Input of {@link checkGradient}: a scalar function, a point, and the gradient there. */
export interface GradientCheck {
  /** The function; its inputs must not be changed. */
  loss: (inputs: Float32Array[]) => number | Promise<number>;
  inputs: Float32Array[];
  /** One for each input; `null` skips that input. */
  gradients: (ArrayLike<number> | null)[];
  /** Length of the step along each coordinate (default 1e-2). */
  step?: number;
  /** Random directions for each input (default 4). */
  directions?: number;
  seed?: number;
}

/**
 * Compares gradients with central differences along random directions of +-1, one input at a time.
 * @returns the largest |finite difference - gradient . direction| / max(1, |gradient . direction|).
 */
export async function checkGradient({
  loss,
  inputs,
  gradients,
  step = 1e-2,
  directions = 4,
  seed = 1,
}: GradientCheck): Promise<number> {
  let state = seed >>> 0;
  const sign = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 31 ? 1 : -1;
  };
  let worst = 0;
  for (const [i, gradient] of gradients.entries()) {
    if (!gradient) continue;
    for (let turn = 0; turn < directions; turn++) {
      const direction = Float32Array.from(inputs[i], sign);
      const at = (distance: number) =>
        loss(inputs.map((input, j) => (j === i ? input.map((x, n) => x + distance * direction[n]) : input)));
      const difference = ((await at(step)) - (await at(-step))) / (2 * step);
      let slope = 0;
      for (let n = 0; n < direction.length; n++) slope += gradient[n] * direction[n];
      worst = Math.max(worst, Math.abs(difference - slope) / Math.max(1, Math.abs(slope)));
    }
  }
  return worst;
}
