/** @file Arena's side of bench/predict.mjs: one way to judge, as a process that answers requests as bench/peer.py does. */
import { createInterface } from 'node:readline';
import { readBattles, swapBattle } from '@arena/data';
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';

let judge;
let battles;
let pack;

const requests = {
  async load({ base: path, adapter, threads, blas, bf16, data, count }) {
    battles = [];
    for await (const battle of readBattles(data)) if (battles.push(battle) === count) break;
    await openEngine('wasm', { threads, blas: blas === 'off' ? undefined : await openBlas({ bf16 }) });
    const base = await openBase(path);
    const files = await readJudge(adapter);
    pack = files.objective.packer(base.tokenizer);
    judge = await openJudge(base, files);
    return {};
  },

  /** Both orders of each battle, one after the other. */
  tokens() {
    return { rows: battles.flatMap((battle) => [battle, swapBattle(battle)].map((one) => [...pack(one).ids])) };
  },

  async predict() {
    const begin = performance.now();
    const said = await judge.predictMany(battles, { swap: true, raw: true });
    const seconds = (performance.now() - begin) / 1000;
    const peakGiB = process.resourceUsage().maxRSS / 2 ** 20;
    return { seconds, p: said.map(({ probabilityA }) => probabilityA), peakGiB };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...request } = JSON.parse(line);
  const answer = await Promise.resolve()
    .then(() => requests[name](request))
    .catch((error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
