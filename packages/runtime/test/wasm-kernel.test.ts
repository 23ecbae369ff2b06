/** @file The declaration of a wasm kernel against the class in its .as.ts file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor1d } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compileBuilds } from '../build-wasm/compile.mjs';
import { entryOf, readKernels } from '../build-wasm/read-kernels.mjs';
import { openEngine } from '../src/index.js';
import { packWords, wasmBackend, wasmKernel } from '../src/wasm/index.js';
import { openWasm } from '../src/wasm/open.js';

const KERNEL = `
import { SHARED, Pair } from './shared.as';
/** Values that one task takes. */
const VALUES: u32 = 0x40;
@unmanaged
class Base {
  x: usize; // what is read
  /** 0 for none. */
  bias: usize;
}
@unmanaged
class Arguments extends Base {
  y: usize;
  count: u32;
  factor: f32;
}
export function scaleAdd(j: Arguments, task: u32, scratch: usize): void {
  for (let i = task * VALUES; i < min((task + 1) * VALUES, j.count); i++) {
    const at = <usize>i << 2;
    const bias: f32 = j.bias ? load<f32>(j.bias + at) : 0;
    store<f32>(j.y + at, load<f32>(j.x + at) * j.factor + bias);
  }
}
`;
const SHARED = `
export const SHARED: i32 = 7;
const COMPUTED: i32 = 2 * SHARED;
@unmanaged
export class Pair { first: i32; weight: f32; }
`;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A package folder with the given files under src/ops/scale-add. */
function folderOf(files: { [name: string]: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'arena-wasm-'));
  folders.push(folder);
  mkdirSync(join(folder, 'src/ops/scale-add'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'src/ops/scale-add', name), text);
  return folder;
}

const LAYOUT = {
  words: { x: 'usize', bias: 'usize', y: 'usize', count: 'u32', factor: 'f32' },
  constants: { SHARED: 7, VALUES: 64 },
  records: { Pair: { first: 'i32', weight: 'f32' } },
} as const;
const MODULE = { name: 'own', kernels: { scaleAdd: LAYOUT }, plain: '', relaxed: '' } as const;
const SOURCE = {
  module: MODULE,
  name: 'scaleAdd',
  inputs: ['x'],
  optional: ['bias'],
  outputs: ['y'],
  params: { count: 'u32', factor: 'f32' },
} as const;

describe('readKernels', () => {
  it('reads the words of a kernel, its constants and its records, and what it imports', () => {
    const { kernels, files } = readKernels(folderOf({ 'kernel.as.ts': KERNEL, 'shared.as.ts': SHARED }));
    expect(files).toEqual(['src/ops/scale-add/kernel.as.ts', 'src/ops/scale-add/shared.as.ts']);
    expect(kernels).toEqual([{ name: 'scaleAdd', file: files[0], layout: LAYOUT }]);
    expect(Object.keys(kernels[0].layout.words)).toEqual(Object.keys(LAYOUT.words));
  });

  it('takes imports for what they are, whatever their names', () => {
    const own = `import { constructor, valueOf } from './shared.as';\n${KERNEL}`;
    const { kernels } = readKernels(folderOf({ 'kernel.as.ts': own, 'shared.as.ts': SHARED }));
    expect(kernels[0].layout).toEqual(LAYOUT);
  });

  it.each([
    ['a word of another type', KERNEL.replace('count: u32', 'count: u64'), /Arguments.count is of type u64/],
    ['a class with a method', KERNEL.replace('factor: f32;', 'f(): void {}'), /class Arguments/],
    ['a bare address', KERNEL.replace('j: Arguments', 'args: usize'), /'scaleAdd' takes an address/],
    [
      'a class that it does not have',
      KERNEL.replace('j: Arguments', 'j: Other'),
      /takes Other, which is no @unmanaged/,
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => readKernels(folderOf({ 'kernel.as.ts': text, 'shared.as.ts': SHARED }))).toThrow(message);
  });

  it('refuses two kernels of one name', () => {
    const files = { 'kernel.as.ts': KERNEL, 'other.as.ts': KERNEL, 'shared.as.ts': SHARED };
    expect(() => readKernels(folderOf(files))).toThrow(/kernel.as.ts and .*other.as.ts both have a kernel 'scaleAdd'/);
  });
});

describe('wasmKernel', () => {
  it('puts the words into the order of the class', () => {
    expect(wasmKernel(SOURCE).words).toEqual([
      ['x', 'input'],
      ['bias', 'optional'],
      ['y', 'output'],
      ['count', 'u32'],
      ['factor', 'f32'],
    ]);
    expect(wasmKernel(SOURCE).constants.VALUES).toBe(64);
  });

  it.each([
    ['a word too few', { ...SOURCE, optional: [] }, "the word 'bias' of its class is not declared"],
    ['a word too many', { ...SOURCE, inputs: ['x', 'z'] }, "'z' is declared as usize, and its class has no such word"],
    [
      'another type',
      { ...SOURCE, params: { count: 'i32', factor: 'f32' } },
      "'count' is declared as i32, and its class",
    ],
    ['a number for an address', { ...SOURCE, optional: [], params: { ...SOURCE.params, bias: 'u32' } }, "'bias' is"],
    ['an unknown kernel', { ...SOURCE, name: 'scale' }, "own has no wasm kernel 'scale'; it has scaleAdd"],
  ])('refuses %s', (_, source, message) => {
    expect(() => wasmKernel(source as never)).toThrow(message);
  });

  it('runs what was compiled, with tensors and addresses, and names what is missing', async () => {
    const folder = folderOf({ 'kernel.as.ts': KERNEL, 'shared.as.ts': SHARED });
    const { kernels } = readKernels(folder);
    const builds = await compileBuilds(folder, entryOf(kernels));
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    const module = { ...MODULE, plain: text(builds.plain), relaxed: text(builds.relaxed) };
    const kernel = wasmKernel({ ...SOURCE, module });
    await openEngine('wasm', { threads: 2 });
    const backend = wasmBackend(await openWasm());
    const [x, bias] = [tensor1d(Array.from({ length: 100 }, (_, i) => i)), tensor1d(new Array(100).fill(0.25))];
    const run = (inputs: object, params: object) =>
      backend.run(kernel, {
        inputs: inputs as never,
        outputs: { y: [100] },
        params: params as never,
        tasks: Math.ceil(100 / kernel.constants.VALUES),
      });
    const [y] = run({ x, bias }, { count: 100, factor: 0.5 });
    expect(Array.from(backend.readSync(y.dataId) as Float32Array)).toEqual(
      Array.from({ length: 100 }, (_, i) => i / 2 + 0.25),
    );
    const [without] = run({ x: backend.pointer(x) }, { count: 100, factor: 2 });
    expect((backend.readSync(without.dataId) as Float32Array)[99]).toBe(198);
    expect(() => run({ bias }, { count: 100, factor: 1 })).toThrow("own wasm kernel 'scaleAdd': 'x' is missing");
    expect(() => run({ x }, { count: 100 })).toThrow("own wasm kernel 'scaleAdd': 'factor' is missing");
  });

  it('packs a record in the order of its class', () => {
    expect(packWords(LAYOUT.records.Pair, { weight: 1, first: 5 })).toEqual([5, 0x3f800000]);
  });
});
