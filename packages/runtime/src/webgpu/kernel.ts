/**
 * @file A WGSL compute kernel: its buffers, numbers and body. {@link gpuKernel} writes the declarations, so that
 * bindings and the layout of the numbers always match the launcher.
 */

/** Element type of a storage buffer as the shader sees it; tensors hold float32 or int32. */
export type GpuElement = 'f32' | 'vec4f' | 'i32' | 'u32';

/** A number of a call. */
export type GpuScalar = 'u32' | 'i32' | 'f32';

/** Input of {@link gpuKernel}: names and types of the body's variables, and the body in WGSL. */
export interface GpuKernelSource {
  /** Name in messages and profiles. Variants should have different names. */
  name: string;
  /** Buffers that are read, in binding order. */
  inputs: { [name: string]: GpuElement };
  /** Buffers that are written (and may be read), bound after the inputs. */
  outputs: { [name: string]: GpuElement };
  /** Numbers of a call, read as `params.name`. */
  params: { [name: string]: GpuScalar };
  /** Constant values, at most 64 KiB: `constantAt(i)` reads them. */
  constants?: Float32Array;
  /** Invocations of a workgroup (default 256, the least that every device allows). */
  workgroupSize?: number;
  /**
   * Required WGSL extensions. With `subgroups`, the body also sees `subgroupNumber` and `subgroupCount` (u32, of the
   * workgroup).
   */
  enable?: ('f16' | 'subgroups')[];
  /** Functions and workgroup variables. */
  declarations?: string;
  /**
   * Body of the entry point. It sees `group`, `groups` (vec3u: this workgroup, how many there are), `lane` (u32: the
   * invocation in its workgroup) and `workgroup` (u32: the workgroup's number along x and y).
   */
  main: string;
}

/** A kernel that is ready to launch. Make it once: the object is the key of the pipeline cache. */
export interface GpuKernel {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly params: readonly (readonly [string, GpuScalar])[];
  readonly constants?: Float32Array;
  readonly code: string;
}

/** Declares a kernel. */
export function gpuKernel(source: GpuKernelSource): GpuKernel {
  const { name, inputs, outputs, constants, enable = [], workgroupSize = 256, declarations = '', main } = source;
  const params = Object.entries(source.params);
  const buffers = [
    ...Object.entries(inputs).map(([buffer, type]) => ({ buffer, type, access: 'read' })),
    ...Object.entries(outputs).map(([buffer, type]) => ({ buffer, type, access: 'read_write' })),
  ];
  const storage = buffers.map(
    ({ buffer, type, access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> ${buffer}: array<${type}>;`,
  );
  const subgroups = enable.includes('subgroups');
  const code = `${enable.map((extension) => `enable ${extension};`).join('\n')}
${subgroups ? SUBGROUP_DECLARATIONS : ''}
struct Params { ${params.map(([param, type]) => `${param}: ${type}`).join(', ')} }
${storage.join('\n')}
@group(0) @binding(${buffers.length}) var<uniform> params: Params;
${constants ? constantsCode(buffers.length + 1, constants.length) : ''}
${declarations}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32${
    subgroups ? SUBGROUP_PARAMETERS : ''
  }) {
${subgroups ? 'subgroupNumber = subgroup_id_; subgroupCount = num_subgroups_;' : ''}
let workgroup = group.y * groups.x + group.x;
${main}
}`;
  return { name, inputs: Object.keys(inputs), outputs: Object.keys(outputs), params, constants, code };
}

function constantsCode(binding: number, length: number): string {
  return `@group(0) @binding(${binding}) var<uniform> constantTable: array<vec4f, ${Math.ceil(length / 4)}>;
fn constantAt(i: u32) -> f32 { return constantTable[i / 4u][i % 4u]; }`;
}

/** Caches the result of `make` for each key: one kernel object per variant. */
export function gpuVariants<K>(make: (variant: K) => GpuKernel): (variant: K) => GpuKernel {
  const known = new Map<string, GpuKernel>();
  return (variant) => {
    const key = JSON.stringify(variant);
    let kernel = known.get(key);
    if (!kernel) {
      kernel = make(variant);
      known.set(key, kernel);
    }
    return kernel;
  };
}

const SUBGROUP_DECLARATIONS = `requires subgroup_id;
var<private> subgroupNumber: u32;
var<private> subgroupCount: u32;`;
const SUBGROUP_PARAMETERS = ', @builtin(subgroup_id) subgroup_id_: u32, @builtin(num_subgroups) num_subgroups_: u32';

/**
 * `sumOf(value, lane)`: the sum of a value over the workgroup, the same in every invocation. With `subgroups` (the
 * kernel must enable them) it takes two barriers instead of one per doubling, and the order of the sum depends on the
 * device's subgroups.
 */
export function workgroupSum(workgroupSize: number, subgroups = false): string {
  return `var<workgroup> sumParts: array<f32, ${workgroupSize}>;
fn sumOf(value: f32, lane: u32) -> f32 {
  ${subgroups ? SUM_OF_SUBGROUPS : sumByHalves(workgroupSize)}
}`;
}

const SUM_OF_SUBGROUPS = `let part = subgroupAdd(value);
  workgroupBarrier();
  if (subgroupElect()) { sumParts[subgroupNumber] = part; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < subgroupCount; i++) { sum += sumParts[i]; }
  return sum;`;

function sumByHalves(workgroupSize: number): string {
  return `workgroupBarrier();
  sumParts[lane] = value;
  workgroupBarrier();
  for (var half = ${workgroupSize / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) { sumParts[lane] += sumParts[lane + half]; }
    workgroupBarrier();
  }
  return sumParts[0];`;
}
