/**
 * @file A fused op: a name, a reference of plain tfjs ops (slow, obviously right, runs on any tfjs backend), and the
 * engines' kernels for it. An op without a kernel for the engine in use runs its reference.
 */

import {
  type DataType,
  engine,
  getBackend,
  getKernel,
  type KernelBackend,
  registerKernel,
  type Tensor,
  type TensorInfo,
  tidy,
} from '@tensorflow/tfjs-core';
import type { EngineName } from './engine.js';
import { EngineError } from './error.js';

/** Inputs of an op by name. An optional input may be undefined; kernels and references then do not get it. */
export type OpInputs = { [name: string]: Tensor };

/** A kernel for one engine: it reads tensor infos of the engine's backend and returns the outputs in the op's order. */
export type OpKernel<A> = (call: {
  inputs: { [name: string]: TensorInfo };
  attrs: A;
  backend: KernelBackend;
}) => TensorInfo[];

/**
 * A sample call of an op. The conformance suite makes it on every engine and compares it with the reference on engine
 * `cpu`.
 */
export interface OpSample<A> {
  name: string;
  attrs: A;
  inputs: { [name: string]: { shape: number[]; dtype: DataType; values: Float32Array | Int32Array } };
  /** Largest allowed |got - want| / max(1, max|want|) per output (default 2e-5). */
  tolerance?: number;
}

/** Input of {@link defineOp}: attributes, inputs by name, and outputs in order. */
export interface FusedOp<A extends object, In extends object = OpInputs, Out extends unknown[] = Tensor[]> {
  /** Kernel name in tfjs's registry, such as `RmsNorm`. No two packages may declare the same. */
  readonly name: string;
  /** Name of its package. */
  readonly package: string;
  readonly reference: (inputs: In, attrs: A) => Tensor[];
  /** Kernels by engine. The op's first run there registers them with tfjs. */
  readonly kernels: { [name in EngineName]?: OpKernel<A> };
  /** Samples of the conformance suite: sizes 1, 63, 64, 65, 1,900 and odd widths where they make sense. */
  readonly samples: () => OpSample<A>[];
  /** Never set. It carries the outputs' types. */
  readonly outputs?: Out;
}

/** An op of any attributes, inputs and outputs. */
// biome-ignore lint/suspicious/noExplicitAny: a list of ops holds ops of different attributes, and FusedOp is invariant in them
export type AnyOp = FusedOp<any, any, any>;

const declared = new Map<string, AnyOp>();

/**
 * Declares a fused op. The conformance suites run every declared op on every engine.
 * @throws EngineError when another package has declared an op of that name.
 * @example
 * const double = defineOp<object, { x: Tensor }, [y: Tensor]>({
 *   name: 'Double',
 *   package: 'my-ops',
 *   reference: ({ x }) => [mul(x, 2)],
 *   kernels: {},
 *   samples: () => [],
 * });
 * const [y] = runOp(double, { x }, {});
 */
export function defineOp<A extends object, In extends object = OpInputs, Out extends unknown[] = Tensor[]>(
  op: FusedOp<A, In, Out>,
): FusedOp<A, In, Out> {
  const other = declared.get(op.name);
  if (other && other.package !== op.package) {
    throw new EngineError(
      'kernel',
      `the op '${op.name}' of ${op.package} has the name of one of ${other.package}: rename it`,
    );
  }
  declared.set(op.name, op);
  return op;
}

/** Every declared op of the imported modules, or of one package. */
export function declaredOps(packageName?: string): AnyOp[] {
  return [...declared.values()].filter((op) => packageName === undefined || op.package === packageName);
}

/** tfjs backend name of each engine. */
export const BACKEND_OF: Record<EngineName, string> = {
  cpu: 'cpu',
  wasm: 'arena-wasm',
  webgpu: 'arena-webgpu',
  cuda: 'arena-cuda',
  tensorflow: 'tensorflow',
};

function engineOfBackend(backend: string): EngineName | undefined {
  return (Object.keys(BACKEND_OF) as EngineName[]).find((name) => BACKEND_OF[name] === backend);
}

/** The engine that computes now; undefined for a tfjs backend that is none of the engines. */
export function currentEngine(): EngineName | undefined {
  return engineOfBackend(getBackend());
}

/** Whether the current engine has a kernel for the op; without one it runs the reference. */
export function hasKernel(op: AnyOp): boolean {
  const name = currentEngine();
  return name !== undefined && op.kernels[name] !== undefined;
}

/** Told of each fused op that ran, with its wall time in milliseconds. Engines that compute later show the launch alone. */
export type OpObserver = (name: string, milliseconds: number) => void;

let observer: OpObserver | null = null;

/**
 * Observes every fused op until another observer, or null, replaces this one. For profiles; costs two clock readings an
 * op.
 */
export function observeOps(next: OpObserver | null): void {
  observer = next;
}

/**
 * Runs a fused op on the current tfjs backend: its kernel there, otherwise its reference. The caller owns the outputs.
 * It records nothing on the autodiff tape: gradients are separate ops.
 */
export function runOp<A extends object, In extends object, Out extends unknown[]>(
  op: FusedOp<A, In, Out>,
  inputs: In,
  attrs: A,
): Out {
  if (!observer) return run(op, inputs, attrs);
  const start = performance.now();
  const outputs = run(op, inputs, attrs);
  observer(op.name, performance.now() - start);
  return outputs;
}

function run<A extends object, In extends object, Out extends unknown[]>(
  op: FusedOp<A, In, Out>,
  given: In,
  attrs: A,
): Out {
  const inputs = present(given);
  const backendName = getBackend();
  const name = engineOfBackend(backendName);
  const kernel = name && op.kernels[name];
  if (!kernel) return tidy(() => op.reference(inputs, attrs)) as unknown as Out;
  if (!getKernel(op.name, backendName)) {
    registerKernel({
      kernelName: op.name,
      backendName,
      kernelFunc: (call) => kernel(call as unknown as Parameters<OpKernel<A>>[0]),
    });
  }
  return engine().runKernel(op.name, inputs as never, attrs as never) as unknown as Out;
}

/** Inputs without undefined ones. */
function present<In extends object>(inputs: In): In {
  for (const name in inputs) {
    if (inputs[name] !== undefined) continue;
    return Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined)) as In;
  }
  return inputs;
}
