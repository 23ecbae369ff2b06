// One rank of the test: every exchange once, checked against what the ranks must have given. Prints one line of JSON.
import { existsSync, writeFileSync } from 'node:fs';
import { joinMpi } from '../dist/index.js';

const ranks = await joinMpi();
const { rank, size } = ranks;
const bytes = 100_003;
const value = (from, to, i) => (from * 31 + to * 7 + i * 3) % 251;
const fill = (from, to) => Uint8Array.from({ length: bytes }, (_, i) => value(from, to, i));
const equal = (a, b) => Buffer.compare(a, b) === 0;
const join = (parts) => Buffer.concat(parts);
const all = Array.from({ length: size }, (_, i) => i);

// The others begin; rank 0 only when a timer of each has gone off since: were their event loops stopped, it would wait forever.
const folder = process.argv[2];
const mark = (one) => `${folder}/alive-${one}`;
if (rank === 0)
  while (!all.slice(1).every((one) => existsSync(mark(one)))) await new Promise((done) => setTimeout(done, 5));
const exchange = ranks.allToAll(join(all.map((to) => fill(rank, to))));
setTimeout(() => writeFileSync(mark(rank), ''), 10);
const toAll = await exchange;
const gathered = await ranks.allGather(fill(rank, 0));
const cast = await ranks.broadcast(rank === 0 ? fill(9, 9) : new Uint8Array(bytes));
console.log(
  JSON.stringify({
    rank,
    size,
    library: ranks.library,
    allToAll: equal(toAll, join(all.map((from) => fill(from, rank)))),
    allGather: equal(gathered, join(all.map((from) => fill(from, 0)))),
    broadcast: equal(cast, fill(9, 9)),
  }),
);
await ranks.close();
