/**
 * @file Judging battles in both orders, Arena's ways and transformers with the same adapter in turn:
 *   node bench/predict.mjs --base FILE.gguf --data FILE --peer PYTHON [--count 64] [--rounds 3] [--ways own,blas,bf16]
 * Trains an adapter for two steps first (a classifier, LoRA in all linears). The peer needs torch, transformers, peft and gguf; it reads the
 * same tokens, in batches of like length, in float32 and in bfloat16. Prints battles a second (median, all rounds), the ratio to the
 * peer's fastest form, the largest difference of P(A) to Arena's own kernels, and peak memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startScript } from './peer.mjs';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    data: { type: 'string' },
    peer: { type: 'string' },
    count: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
    ways: { type: 'string', default: 'own,blas,bf16' },
    threads: { type: 'string', default: '2' },
  },
});
for (const name of ['base', 'data', 'peer']) if (!flags[name]) throw new Error(`--${name} is needed`);
const WAYS = { own: { blas: 'off' }, blas: { blas: 'auto' }, bf16: { blas: 'auto', bf16: true } };
const ARENA = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url));
const OURS = fileURLToPath(new URL('predict/ours.mjs', import.meta.url));
const PEER = fileURLToPath(new URL('predict/peer.py', import.meta.url));
const threads = Number(flags.threads);
const environment = { OMP_NUM_THREADS: flags.threads, HF_HUB_OFFLINE: '1' };

const folder = await mkdtemp(join(tmpdir(), 'arena-predict-'));
const runners = [];
try {
  const out = join(folder, 'run');
  const training = ['--max-steps', '2', '--max-tokens', '512', '--first-layer', '0', '--style', 'none'];
  const all = ['--targets', 'q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj', '--head-std', '0.02'];
  const places = ['--base', flags.base, '--data', flags.data, '--out', out];
  execFileSync(process.execPath, [ARENA, 'train', ...places, ...training, ...all], { stdio: 'inherit' });
  const request = { do: 'load', base: flags.base, adapter: join(out, 'adapter'), threads };
  for (const way of flags.ways.split(',')) {
    const ours = startScript(process.execPath, [OURS], {});
    const runner = { name: `Arena, ${way}`, rounds: [], ...ours };
    runners.push(runner);
    await ours.ask({ ...request, ...WAYS[way], data: flags.data, count: Number(flags.count) });
  }
  const { rows } = await runners[0].ask({ do: 'tokens' });
  for (const dtype of ['float32', 'bfloat16']) {
    const peer = startScript(flags.peer, [PEER], environment);
    const runner = { name: `transformers, ${dtype}`, isPeer: true, rounds: [], ...peer };
    runners.push(runner);
    await peer.ask({ ...request, dtype, rows });
  }
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const runner of runners) {
      const said = await runner.ask({ do: 'predict' });
      if (round > 0) runner.rounds.push(said); // the first warms up
    }
  }
  console.log(tableOf(rows));
} finally {
  for (const { close } of runners) close();
  await rm(folder, { recursive: true });
}

function tableOf(rows) {
  const battles = rows.length / 2;
  const tokens = rows.reduce((sum, row) => sum + row.length, 0);
  const rates = runners.map(({ rounds }) => rounds.map(({ seconds }) => battles / seconds).sort((a, b) => a - b));
  const median = (list) => list[list.length >> 1];
  const best = Math.max(...rates.filter((_, i) => runners[i].isPeer).map(median));
  const own = runners[0].rounds[0].p;
  const lines = [
    `${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, ${threads} threads; ${battles} battles in both orders, ${tokens} tokens`,
    '',
    '| way | battles/s (all) | to the fastest transformers | largest difference of P(A) | peak GiB |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const [i, { name, rounds }] of runners.entries()) {
    const { p, peakGiB } = rounds.at(-1);
    const away = Math.max(...p.map((value, at) => Math.abs(value - own[at])));
    const all = rates[i].map((rate) => rate.toFixed(2)).join(', ');
    lines.push(
      `| ${name} | ${median(rates[i]).toFixed(2)} (${all}) | ${(median(rates[i]) / best).toFixed(2)} | ${away.toExponential(1)} | ${peakGiB.toFixed(2)} |`,
    );
  }
  return lines.join('\n');
}
