/**
 * @file Opening a full-size base: `node bench/load.mjs --base DIR [--threads 2]` (`node bench/random-base.mjs DIR` writes one). Each part in a
 * process of its own: reading the shards alone, loading with quantisation to NF4 with double quantisation, and the same into a file. Seconds and
 * the largest resident size, beside what the 4-bit matrices take.
 */
import { spawnSync } from 'node:child_process';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { linearModules } from '@arena/decoder/family';
import { loadGemma, readConfig } from '@arena/gemma';
import { openEngine } from '@arena/runtime';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    threads: { type: 'string', default: '2' },
    part: { type: 'string' },
  },
});
if (!flags.base) throw new Error('--base DIR is needed');
const PARTS = { read, load, quantize };

if (flags.part) await PARTS[flags.part](flags.base);
else {
  const config = await readConfig(flags.base);
  const weights = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const codes = (weights / 2 + weights / 64 + weights / 64 / 64) / 2 ** 30; // codes, statistics in 8 bits, theirs in float
  console.log(`node ${process.version}, ${flags.threads} threads; 4-bit matrices ${codes.toFixed(2)} GiB\n`);
  console.log('| part | seconds | CPU seconds | peak GiB | Mweights/s |\n| --- | --- | --- | --- | --- |');
  for (const part of Object.keys(PARTS)) {
    const argv = [fileURLToPath(import.meta.url), '--base', flags.base, '--threads', flags.threads, '--part', part];
    const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    if (status) throw new Error(stderr);
    const { seconds, cpu, peak } = JSON.parse(stdout.trim().split('\n').at(-1));
    const rate = part === 'read' ? '' : (weights / 1e6 / seconds).toFixed(1);
    console.log(`| ${part} | ${seconds.toFixed(1)} | ${cpu.toFixed(1)} | ${peak.toFixed(2)} | ${rate} |`);
  }
}

function report(start) {
  const { user, system } = process.cpuUsage();
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6, peak: process.resourceUsage().maxRSS / 2 ** 20 }));
}

async function read(base) {
  const start = performance.now();
  const buffer = new Uint8Array(2 ** 24);
  for (const name of (await readdir(base)).filter((file) => file.endsWith('.safetensors'))) {
    const file = await open(join(base, name));
    while ((await file.read(buffer)).bytesRead);
    await file.close();
  }
  report(start);
}

async function load(base) {
  const start = performance.now();
  const engine = await openEngine('wasm', { threads: Number(flags.threads) });
  const model = await loadGemma(base, { quantization: { doubleQuant: true } });
  report(start);
  await model.dispose();
  engine.dispose();
}

async function quantize(base) {
  const out = `${base}-4bit`;
  const start = performance.now();
  const command = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url));
  process.argv.splice(1, process.argv.length, command, 'quantize', '--base', base, '--out', out);
  await import(command);
  process.once('beforeExit', async () => {
    report(start);
    await rm(out, { recursive: true, force: true });
  });
}
