/** @file The text of the kernels: whether it belongs to the sources, and to what TypeScript declares of them. No compiler is needed. */
import { readFileSync } from 'node:fs';
import { type CudaScalar, declaredCudaKernels } from '@arena/runtime';
import { expect, it } from 'vitest';
import { sourcesHash } from '../../../tools/cuda-sources.mjs';
import { OPS } from '../../browser-tests/test/browser/ops.js';
import { KERNELS_PTX, KERNELS_SM90A_PTX, KERNELS_SOURCES } from '../src/kernels.ptx.js';
import { kernelTexts } from '../src/module.js';
import { PLAIN_KERNELS } from '../src/plain/register.js';

const text = KERNELS_PTX + KERNELS_SM90A_PTX;

/** Arguments by kernel, as the texts have them. */
const entries = new Map(
  [...text.matchAll(/\.entry (\w+)\(([^)]*)\)/g)].map(([, name, list]) => [
    name,
    [...list.matchAll(/\.param (?:\.align \d+ )?\.(\w+) \w+(\[\d+\])?/g)].map(([, type, size = '']) => type + size),
  ]),
);
const TYPES: Record<CudaScalar, string> = { u32: 'u32', i32: 'u32', f32: 'f32', i32x6: 'b8[24]' };

it('belongs to the .cu and .cuh files; after a change of these run node tools/build-cuda.mjs', () => {
  expect(KERNELS_SOURCES).toBe(sourcesHash());
});

it('loads on drivers from CUDA 11 on', () => {
  expect(KERNELS_PTX).toMatch(/^\.version 7\.0\n\.target sm_80\n/);
});

it("has Hopper's own instructions apart, for drivers from CUDA 12 on", () => {
  expect(KERNELS_SM90A_PTX).toMatch(/^\.version 8\.0\n\.target sm_90a\n/);
  for (const { name, target } of declaredCudaKernels()) {
    expect(KERNELS_SM90A_PTX.includes(`.entry ${name}(`), name).toBe(target === 'sm_90a');
  }
});

it('gives each kernel of a text with what all of them need, however it is declared', () => {
  const head = '.version 7.0\n.target sm_80\n.global .b8 table[4];\n';
  const [one, two] = ['.visible .entry one(\n)\n{\n\tret;\n}\n', '.entry two(\n)\n{\n\t{\n\t}\n\tret;\n}\n'];
  expect([...kernelTexts(head + one + two)]).toEqual([
    ['one', head + one],
    ['two', head + two],
  ]);
});

it('has every kernel that an op declares, with its arguments, and no other', () => {
  expect(OPS.length + Object.keys(PLAIN_KERNELS).length).toBeGreaterThan(70); // loaded, and so declared
  const declared = declaredCudaKernels().map(({ name, inputs, optional, outputs, params }) => {
    const pointers = [...inputs, ...optional, ...outputs].map(() => 'u64');
    return [name, [...pointers, ...params.map(([, type]) => TYPES[type])]] as const;
  });
  expect(new Map([...entries].sort())).toEqual(new Map(declared.toSorted(([a], [b]) => (a < b ? -1 : 1))));
});

it('has the number of threads of a block that is declared', () => {
  for (const { name, threads } of declaredCudaKernels()) {
    const bound = new RegExp(`\\.entry ${name}\\([^)]*\\)\\s*\\.maxntid (\\d+)`).exec(text);
    expect(bound?.[1], name).toBe(String(threads));
  }
});

it('every op has a kernel for the engine', () => {
  expect(OPS.filter(({ kernels }) => !kernels.cuda).map(({ name }) => name)).toEqual([]);
});

it('leaves koffi out of what is built', () => {
  const { dependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  expect(Object.keys(dependencies)).toEqual(['@arena/runtime']);
  expect(peerDependenciesMeta.koffi.optional).toBe(true);
});
