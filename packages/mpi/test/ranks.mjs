// One rank of the test: every exchange once, checked against what the ranks must have given. Prints one line of JSON.
import { joinMpi } from '../dist/index.js';

const ranks = await joinMpi();
const { rank, size } = ranks;
const bytes = 100_003;
const value = (from, to, i) => (from * 31 + to * 7 + i * 3) % 251;
const fill = (from, to) => Uint8Array.from({ length: bytes }, (_, i) => value(from, to, i));
const equal = (a, b) => Buffer.compare(a, b) === 0;
const join = (parts) => Buffer.concat(parts);
const all = Array.from({ length: size }, (_, i) => i);

let turns = 0;
const clock = setInterval(() => turns++, 1);
if (rank === 0) await new Promise((done) => setTimeout(done, 300)); // the others wait, with a live event loop
const toAll = await ranks.allToAll(join(all.map((to) => fill(rank, to))));
const waited = turns;
clearInterval(clock);
const gathered = await ranks.allGather(fill(rank, 0));
const cast = await ranks.broadcast(rank === 0 ? fill(9, 9) : new Uint8Array(bytes));
console.log(
  JSON.stringify({
    rank,
    size,
    library: ranks.library,
    alive: waited > 50,
    allToAll: equal(toAll, join(all.map((from) => fill(from, rank)))),
    allGather: equal(gathered, join(all.map((from) => fill(from, 0)))),
    broadcast: equal(cast, fill(9, 9)),
  }),
);
await ranks.close();
