import { readdirSync } from 'node:fs';
import { EngineError } from '@arena/runtime';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Heap } from '../src/wasm/heap.js';
import type { KernelModule } from '../src/wasm/index.js';
import { floatWord } from '../src/wasm/kernel.js';
import { openPool, type Pool } from '../src/wasm/pool.js';
import { compile } from './compile.js';

const SOURCE = `
  // out[task] = task * factor; counts in the thread's scratch
  export function scale(args: usize, task: u32, scratch: usize): void {
    store<f32>(load<usize>(args) + (task << 2), <f32>task * load<f32>(args, 4));
    store<u32>(scratch, load<u32>(scratch) + 1);
  }
  export function trap(args: usize, task: u32, scratch: usize): void {
    if (task == load<u32>(args)) unreachable();
  }
  // the thread whose scratch starts at args[0] goes on, every other one waits for it to trap or never returns
  export function trapElsewhere(args: usize, task: u32, scratch: usize): void {
    if (scratch != load<usize>(args)) unreachable();
    for (let i = 0; i < 100000000; i++) if (load<u32>(load<usize>(args, 4)) == 1) return;
  }
  export function hangElsewhere(args: usize, task: u32, scratch: usize): void {
    if (scratch == load<usize>(args)) return;
    atomic.store<u32>(load<usize>(args, 4), 1);
    while (true) {}
  }
`;

let module: KernelModule;
const open: Pool[] = [];

beforeAll(async () => {
  module = await compile(SOURCE);
});

afterEach(() => {
  for (const pool of open.splice(0)) pool.dispose();
});

async function make(threads: number, options: { stallMs?: number } = {}) {
  const heap = new Heap();
  const pool = await openPool(heap, { threads, ...options });
  open.push(pool);
  return { heap, pool };
}

function scaleAll({ heap, pool }: { heap: Heap; pool: Pool }, tasks: number, factor: number): number[] {
  const pointer = heap.allocate(4 * tasks);
  pool.run({ module, kernel: 'scale', args: [pointer, floatWord(factor)], tasks, scratch: 64 });
  const result = [...heap.view(pointer, tasks, 'float32')];
  heap.free(pointer);
  return result;
}

const expected = (tasks: number, factor: number) => Array.from({ length: tasks }, (_, i) => Math.fround(i * factor));

describe('Pool', () => {
  it.each([1, 2, 4])('runs every task once with %i threads', async (threads) => {
    const both = await make(threads);
    expect(both.pool.threads).toBe(threads);
    for (const tasks of [0, 1, 2, 3, 64, 1000]) expect(scaleAll(both, tasks, 0.5)).toEqual(expected(tasks, 0.5));
    for (let turn = 0; turn < 500; turn++) expect(scaleAll(both, 7, turn)).toEqual(expected(7, turn));
  });

  it('turns a trap into an error and goes on', async () => {
    const both = await make(3);
    for (let turn = 0; turn < 20; turn++) {
      expect(() => both.pool.run({ module, kernel: 'trap', args: [turn], tasks: 64 })).toThrow(
        /kernel test 'trap' failed on thread \d: unreachable/,
      );
      expect(scaleAll(both, 64, 2)).toEqual(expected(64, 2));
    }
  });

  it('reports a trap of a worker thread', async () => {
    const both = await make(2);
    const { heap, pool } = both;
    scaleAll(both, 4, 1); // the scratch exists from here on: thread 0 has the lower one
    const flag = heap.allocate(64);
    const mine = pool['scratch']!.pointer;
    expect(() => pool.run({ module, kernel: 'trapElsewhere', args: [mine, flag], tasks: 64 })).toThrow(
      /failed on thread 1: unreachable/,
    );
    expect(scaleAll(both, 64, 3)).toEqual(expected(64, 3));
  });

  it('goes on with fewer threads when one has been ended between calls', async () => {
    const both = await make(3);
    both.pool['workers'][0].terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(both.pool.threads).toBe(2);
    for (let turn = 0; turn < 100; turn++) expect(scaleAll(both, 64, turn)).toEqual(expected(64, turn));
  });

  it('does not wait for a thread that is ended while a call begins', async () => {
    const both = await make(3, { stallMs: 500 });
    both.pool['workers'][0].terminate();
    for (let turn = 0; turn < 100; turn++) {
      try {
        expect(scaleAll(both, 64, turn)).toEqual(expected(64, turn));
      } catch (error) {
        expect(String(error)).toMatch(/failed on thread 1: no answer for 500 ms/);
      }
    }
    expect(scaleAll(both, 64, 5)).toEqual(expected(64, 5));
  });

  it('ends a thread that gives no answer', async () => {
    const both = await make(2, { stallMs: 300 });
    const { heap, pool } = both;
    scaleAll(both, 4, 1);
    const flag = heap.allocate(64);
    heap.view(flag, 1, 'int32')[0] = 0;
    let message = '';
    for (let turn = 0; turn < 1000 && !message; turn++) {
      try {
        pool.run({ module, kernel: 'hangElsewhere', args: [pool['scratch']!.pointer, flag], tasks: 1000 });
      } catch (error) {
        message = String(error);
      }
    }
    expect(message).toMatch(/failed on thread 1: no answer for 300 ms/);
    expect(pool.threads).toBe(1);
    expect(scaleAll(both, 64, 5)).toEqual(expected(64, 5));
  });

  it('refuses to run after dispose, and opens again', async () => {
    const both = await make(2);
    scaleAll(both, 4, 1);
    both.pool.dispose();
    expect(() => scaleAll(both, 4, 1)).toThrow(/disposed/);
    const again = await make(2);
    expect(scaleAll(again, 64, 1)).toEqual(expected(64, 1));
  });

  it.runIf(process.platform === 'linux')('ends its threads on dispose', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const { pool } = await make(8);
    const open = threads();
    pool.dispose();
    for (let turn = 0; turn < 200 && threads() > open - 7; turn++) await new Promise((done) => setTimeout(done, 20));
    expect(threads()).toBeLessThanOrEqual(open - 7);
  });

  it('works in a memory that is not shared', async () => {
    const heap = new Heap({ shared: false });
    const pool = await openPool(heap, { threads: 4 });
    expect(pool.threads).toBe(1);
    expect(scaleAll({ heap, pool }, 64, 1.5)).toEqual(expected(64, 1.5));
  });

  it('says what a module is when it is given something else', async () => {
    const { pool } = await make(1);
    const compiled = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    for (const other of [compiled, undefined]) {
      const run = () => pool.run({ module: other as unknown as KernelModule, kernel: 'scale', args: [], tasks: 1 });
      expect(run).toThrow(EngineError);
      expect(run).toThrow('a KernelModule is { name, kernels, plain, relaxed }');
    }
  });

  it('names what a module lacks', async () => {
    const { pool } = await make(1);
    expect(() => pool.run({ module, kernel: 'nothing', args: [], tasks: 1 })).toThrow(
      /module test has no kernel 'nothing'; it has hangElsewhere, scale, trap, trapElsewhere/,
    );
  });
});
