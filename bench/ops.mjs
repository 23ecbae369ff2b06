/**
 * @file Products and attention at the 2B widths: `node bench/ops.mjs [--threads 1] [--wide] [--rounds 5] [--peer PYTHON]`.
 * GFLOP per second of CPU time is steadier than wall time on a shared machine; the median and the range of the rounds are given. With a
 * Python that has torch, torch does the f32 products and the attention (eager, as transformers does it) in the same run, round by round.
 */
import { parseArgs } from 'node:util';
import { attentionBackward, attentionForward } from '@arena/decoder/ops';
import { quantize4bit } from '@arena/quant';
import { linear4bitBackward, linear4bitForward, uploadWeight4bit } from '@arena/quant/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { dispose, matMul, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { startPeer } from './peer.mjs';

const { values: flags } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    wide: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    peer: { type: 'string' },
  },
});
const engine = await openEngine('wasm', { threads: Number(flags.threads), wide: flags.wide });
for (const note of engine.notes) console.error(`engine: ${note}`);
const peer = flags.peer && (await startPeer(flags.peer, Number(flags.threads)));

const matrix = (rows, columns, seed = 1) => tensor2d(normal(new Mt19937(seed), rows * columns), [rows, columns]);

/** Name, GFLOP of a call, the call, which gives the tensors to dispose of, and the peer's request for the same. */
const cases = [];
for (const [m, n, k] of [
  [1900, 2304, 2304],
  [1900, 2304, 9216],
  [64, 2304, 2304],
  [3, 9216, 2304],
  [1, 9216, 2304],
]) {
  const x = matrix(m, k);
  const weight = normal(new Mt19937(2), n * k, 0, 0.02);
  const dense = tensor2d(weight, [n, k]);
  const packed = uploadWeight4bit(quantize4bit(weight, [n, k], { doubleQuant: true }));
  const dy = matrix(m, n, 3);
  const gflop = (2 * m * n * k) / 1e9;
  cases.push([`f32 ${m}x${n}x${k}`, gflop, () => matMul(x, dense, false, true), { do: 'linear', m, n, k }]);
  cases.push([`NF4 ${m}x${n}x${k}`, gflop, () => linear4bitForward(x, packed)]);
  cases.push([`NF4 ${m}x${n}x${k}, by the transpose`, gflop, () => linear4bitBackward(dy, packed)]);
}
const tokens = 1900;
const attrs = { numHeads: 8, numKeyValueHeads: 4, headDim: 256, scale: 1 / 16, softcap: 50, slidingWindow: 0 };
const rows = Int32Array.from({ length: tokens }, (_, i) => i);
const inputs = {
  q: matrix(tokens, 2048, 4),
  k: matrix(tokens, 1024, 5),
  v: matrix(tokens, 1024, 6),
  offsets: tensor1d(Int32Array.of(0, tokens), 'int32'),
  rows: tensor1d(rows, 'int32'),
};
const saved = { ...inputs, ...attentionForward(inputs, attrs) };
const dO = matrix(tokens, 2048, 7);
const attentionGflop = (2 * tokens * tokens * 2048) / 1e9; // QK and PV over half of the square
const eager = { do: 'attention', tokens, heads: 8, kv_heads: 4, head_dim: 256, softcap: 50 };
const forward = () => attentionForward(inputs, attrs);
const backward = () => attentionBackward(dO, saved, attrs);
cases.push(['attention forward, T 1900', attentionGflop, forward, { ...eager, backward: false }]);
cases.push(['attention backward, T 1900', 2.5 * attentionGflop, backward, { ...eager, backward: true }]);

console.log(`node ${process.version}, ${engine.threads} threads${engine.wide ? ', wide' : ''}`);
if (peer) console.log(`beside torch ${peer.versions.torch} of ${flags.peer}, ${flags.threads} threads`);
const columns = [
  'op',
  'GFLOP per CPU-second',
  'GFLOP/s of wall time',
  ...(peer ? ["torch's", "ours / torch's, CPU time"] : []),
];
console.log(`\n| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`);
for (const [name, gflop, call, request] of cases) {
  const repeats = Math.max(1, Math.ceil(10 / gflop / 4));
  const rates = { cpu: [], wall: [], peer: [], ratio: [] };
  for (let round = 0; round <= Number(flags.rounds); round++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < repeats; i++) dispose(call());
    const wall = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const torch = peer && request && (await peer.ask({ ...request, repeats }));
    if (round === 0) continue; // warms up
    const work = gflop * repeats;
    rates.cpu.push(work / ((user + system) / 1e6));
    rates.wall.push(work / wall);
    if (!torch) continue;
    rates.peer.push(work / torch.cpu);
    rates.ratio.push(rates.cpu.at(-1) / rates.peer.at(-1));
  }
  const show = (values, digits = 1) => {
    if (!values.length) return '';
    const sorted = values.toSorted((a, b) => a - b).map((value) => value.toFixed(digits));
    return `${sorted[sorted.length >> 1]} (${sorted[0]}-${sorted.at(-1)})`;
  };
  const cells = [name, show(rates.cpu), show(rates.wall), ...(peer ? [show(rates.peer), show(rates.ratio, 2)] : [])];
  console.log(`| ${cells.join(' | ')} |`);
}
peer?.close();
engine.dispose();
