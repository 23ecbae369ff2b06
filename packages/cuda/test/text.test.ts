/** @file The PTX beside the .cu files: whether it belongs to them, and to what TypeScript declares of it. No compiler is needed. */
import { readFileSync } from 'node:fs';
import { type CudaScalar, declaredCudaKernels } from '@arena/runtime/cuda';
import { describe, expect, it, type TestContext } from 'vitest';
import { cudaSources, isBuilt, readPtx, sourceHash, targetOf } from '../../../tools/cuda-sources.mjs';
import { OPS } from '../../browser-tests/test/browser/ops.js';
import { kernelTexts } from '../src/module.js';
import { PLAIN_KERNELS } from '../src/plain/register.js';

const TYPES: Record<CudaScalar, string> = { u32: 'u32', i32: 'u32', f32: 'f32', i32x6: 'b8[24]' };
/** What a driver must be for each target: from CUDA 11.0 on, and from 12.0 on for Hopper's own instructions. */
const HEADS = { sm_80: '.version 7.0\n.target sm_80\n', sm_90a: '.version 8.0\n.target sm_90a\n' };

/** Leaves a test out, and says so: reporters do not show why a test was skipped. */
function skip(context: TestContext, what: string): never {
  const message = `${what}: not rebuilt, nvcc needed: where it is, run node tools/build-cuda.mjs`;
  console.warn(message);
  return context.skip(message);
}

/** Kernels by name, as the packages declare them: all are loaded. */
const declared = new Map(declaredCudaKernels().map((kernel) => [kernel.name, kernel]));

/** Types of an entry's arguments, and the threads of a block. */
function entriesOf(ptx: string) {
  return [...ptx.matchAll(/\.entry (\w+)\(([^)]*)\)\s*\.maxntid (\d+)/g)].map(([, name, list, threads]) => ({
    name,
    types: [...list.matchAll(/\.param (?:\.align \d+ )?\.(\w+) \w+(\[\d+\])?/g)].map(
      ([, type, size = '']) => type + size,
    ),
    threads: Number(threads),
  }));
}

describe.each(cudaSources())('%s', (source) => {
  const built = readPtx(source);

  it('has the PTX of its text, with the arguments and threads that are declared', (context) => {
    if (built?.sources !== sourceHash(source)) return skip(context, source);
    const target = targetOf(source);
    expect(built.ptx.startsWith(HEADS[target])).toBe(true);
    const entries = entriesOf(built.ptx);
    expect(entries.length).toBeGreaterThan(0);
    const wanted = entries.map(({ name }) => {
      const { inputs, optional, outputs, params, threads, target: own, ptx } = declared.get(name)!;
      expect(own ?? 'sm_80', name).toBe(target);
      expect(ptx.package, name).toBe(`@arena/${source.split('/')[1]}`); // its file is found there
      const pointers = [...inputs, ...optional, ...outputs].map(() => 'u64');
      return { name, types: [...pointers, ...params.map(([, type]) => TYPES[type])], threads };
    });
    expect(entries).toEqual(wanted);
  });
});

it('every kernel that is declared has its text', (context) => {
  expect(OPS.length + Object.keys(PLAIN_KERNELS).length).toBeGreaterThan(70); // loaded, and so declared
  const texts = new Set(
    cudaSources().flatMap((source) => entriesOf(readPtx(source)?.ptx ?? '').map(({ name }) => name)),
  );
  const missing = [...declared.keys()].filter((name) => !texts.has(name));
  if (missing.length && !cudaSources().every(isBuilt)) return skip(context, missing.join(', '));
  expect(missing).toEqual([]);
});

it('gives each kernel of a text with what all of them need, however it is declared', () => {
  const head = '.version 7.0\n.target sm_80\n.global .b8 table[4];\n';
  const [one, two] = ['.visible .entry one(\n)\n{\n\tret;\n}\n', '.entry two(\n)\n{\n\t{\n\t}\n\tret;\n}\n'];
  expect([...kernelTexts(head + one + two)]).toEqual([
    ['one', head + one],
    ['two', head + two],
  ]);
});

it('is read by the package that holds it, without the line that says what it was made of', () => {
  const texts = declared.get('roundToStore')!.ptx.read();
  expect(texts.length).toBe(cudaSources().filter((source) => source.startsWith('packages/cuda/')).length);
  for (const text of texts) expect(text).toMatch(/^\.version /);
});

it('leaves koffi out of what is built', () => {
  const { dependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  expect(Object.keys(dependencies)).toEqual(['@arena/runtime']);
  expect(peerDependenciesMeta.koffi.optional).toBe(true);
});
