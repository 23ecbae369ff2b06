/**
 * @file Samples a second of several ranks over one, a thread each: `node bench/data-parallel.mjs [--ranks 2] [--shape tiny]
 * [--steps 4] [--rounds 3] [--mpirun mpirun]`. Both train on the same batches, in turns; what other processes use is shown.
 * On a machine that others use too, the ratio by CPU time says what a core of its own for each rank would give: rank 0's waiting counts as work.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { trainable } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { joinMpi } from '@arena/mpi';
import { openEngine } from '@arena/runtime';
import { train } from '@arena/trainer';
import { SHAPES } from './shapes.mjs';

const { values: flags } = parseArgs({
  options: {
    ranks: { type: 'string', default: '2' },
    shape: { type: 'string', default: 'tiny' },
    steps: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    mpirun: { type: 'string', default: 'mpirun' },
    child: { type: 'string' },
  },
});
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
/** Micro-batches of two sequences of 512 tokens, and how many make a step. */
const LENGTHS = [512, 512];
const ACCUMULATION = 8;

if (flags.child) await trainOnce(flags.child);
else await compare();

/** One rank, or the only process: prints samples and seconds of the steps after the first. */
async function trainOnce(base) {
  const ranks = await joinMpi();
  const engine = await openEngine('wasm', { threads: 1 });
  const config = loraConfig({ r: 16, lora_alpha: 32, target_modules: ALL });
  const model = await loadGemma(base, { quantization: {}, lora: { config, seed: 1 } });
  const offsets = Int32Array.of(0, ...LENGTHS.map((_, i) => LENGTHS.slice(0, i + 1).reduce((a, b) => a + b)));
  const batches = Array.from({ length: ACCUMULATION }, (_, i) => ({
    ids: Int32Array.from({ length: offsets.at(-1) }, (_, t) => 3 + ((t * 7919 + i * 104729) % 8000)),
    offsets,
    labels: LENGTHS.map((_, k) => (i + k) & 1),
  }));
  let start;
  let end;
  let cpu;
  await train({
    model: trainable(model),
    batches: () => batches,
    accumulation: ACCUMULATION,
    epochs: Number(flags.steps) + 1,
    learningRate: 1e-4,
    communicator: ranks ?? undefined,
    onStep: ({ step }) => {
      end = performance.now();
      if (step > 1) return;
      start = end;
      cpu = process.cpuUsage();
    },
  });
  const samples = Number(flags.steps) * ACCUMULATION * LENGTHS.length;
  if (!ranks?.rank) {
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ samples, seconds: (end - start) / 1000, cpuSeconds: (user + system) / 1e6 }));
  }
  await model.dispose();
  engine.dispose();
  await ranks?.close();
}

async function compare() {
  const size = Number(flags.ranks);
  const base = mkdtempSync(join(tmpdir(), 'arena-bench-'));
  await writeRandomCheckpoint(base, SHAPES[flags.shape].config, { seed: 1 });
  const self = [fileURLToPath(import.meta.url), '--child', base, '--steps', flags.steps];
  const isOpen = spawnSync(flags.mpirun, ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI');
  const launcher = [...(isOpen ? ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'] : []), '-np', size];
  const run = (command, argv) => {
    const before = busy();
    const began = performance.now();
    const { stdout, stderr, status } = spawnSync(command, argv.map(String), { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
    const { samples, seconds, cpuSeconds } = JSON.parse(stdout.trim().split('\n').at(-1));
    return {
      rate: samples / seconds,
      cpuRate: samples / cpuSeconds,
      load: (busy() - before) / ((performance.now() - began) / 1000),
    };
  };
  console.log(
    `${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, shape ${flags.shape}, one thread a rank`,
  );
  console.log(
    `| round | 1 rank, samples/s | ${size} ranks, samples/s | ratio | ratio by CPU time of rank 0 | cores busy, 1 rank | cores busy, ${size} ranks |`,
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  const ratios = [];
  for (let round = 1; round <= Number(flags.rounds); round++) {
    const one = run(process.execPath, self);
    const many = run(flags.mpirun, [...launcher, process.execPath, ...self]);
    ratios.push(many.rate / one.rate);
    const cells = [one.rate, many.rate, many.rate / one.rate, many.cpuRate / one.cpuRate, one.load, many.load].map(
      (value) => value.toFixed(2),
    );
    console.log(`| ${round} | ${cells.join(' | ')} |`);
  }
  ratios.sort((a, b) => a - b);
  console.log(`median ratio ${ratios[Math.floor(ratios.length / 2)].toFixed(2)}`);
  rmSync(base, { recursive: true });
}

/** Seconds that all cores have been busy, with anything (Linux). */
function busy() {
  const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
  return (ticks.reduce((a, b) => a + b, 0) - ticks[3] - ticks[4]) / 100;
}
