/** @file `--blas` and `--bf16` of engine wasm. */
import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { isInstalled } from '../../runtime/test/libraries.js';
import { arena, BATTLES, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let data: string;
beforeAll(async () => {
  w = await workspace();
  data = await w.votes('few.jsonl', BATTLES.slice(0, 40));
}, 300_000);

const train = (out: string, ...flags: string[]) =>
  arena('train', '--base', w.base, '--data', data, '--out', w.at(out), ...QUICK, '--engine', 'wasm', ...flags);

const computedOn = (out: string): string[] => JSON.parse(readFileSync(`${w.at(out)}/run.json`, 'utf8')).computedOn;

const lossesOf = (out: string) =>
  readFileSync(`${w.at(out)}/log.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss?: number }).loss)
    .filter((loss) => loss !== undefined);

describe('a native library of products', { timeout: 300_000 }, () => {
  test.skipIf(!isInstalled('libopenblas.so.0'))('trains as the own kernels do, and is named', async () => {
    const own = await train('own', '--blas', 'off');
    expect(own.out).toMatch(/^engine wasm, \d+ threads?, float32$/m);
    const native = await train('native', '--blas', 'libopenblas.so.0');
    expect(native.out).toMatch(/^engine wasm, \d+ threads?, products by OpenBLAS [\d.]+, float32$/m);
    const [want, got] = [lossesOf('own'), lossesOf('native')];
    expect(want.length).toBeGreaterThan(2);
    expect(got.length).toBe(want.length);
    got.forEach((loss, step) => {
      expect(loss).toBeCloseTo(want[step], 4);
    });
    expect(computedOn('own')).toEqual([expect.stringMatching(/^wasm, \d+ threads?, float32$/)]);
    const { code } = await train('own', '--blas', 'libopenblas.so.0', '--resume');
    expect(code).toBe(0);
    expect(computedOn('own')).toEqual([...computedOn('own').slice(0, 1), ...computedOn('native')]);
  });

  test('that cannot be used is refused in one line, and nothing is written', async () => {
    const cases: [string[], RegExp][] = [
      [
        ['--blas', '/no/such/library.so'],
        /^arena train: no library of matrix products in \/no\/such\/library\.so: .*\n$/,
      ],
      [['--blas', 'off', '--bf16'], /^arena train: --bf16 on engine wasm needs a library: leave --blas off out\n$/],
      [['--blas', 'libm.so.6', '--bf16'], /^arena train: no oneDNN, for products of bfloat16, in libm\.so\.6: .*\n$/],
      [['--engine', 'cpu', '--bf16'], /^arena train: --bf16 is a flag of engines cuda and wasm, not of engine cpu\n$/],
    ];
    for (const [flags, message] of cases) {
      const { code, err } = await train('no', ...flags);
      expect(err).toMatch(message);
      expect(code).toBe(1);
      expect(existsSync(w.at('no'))).toBe(false);
    }
  });
});
