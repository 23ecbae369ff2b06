/** @file Arena's judge in a Worker. */
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';

let judge;
globalThis.onmessage = async ({ data: { open, battle } }) => {
  try {
    if (open) {
      await openEngine('wasm', { threads: open.threads });
      const at = (path) => new URL(path, location.origin).href;
      judge = await openJudge(await openBase(at(open.base)), await readJudge(at(open.adapter)));
      postMessage({});
    } else {
      const [{ probabilityA }] = await judge.predictMany([battle], { swap: false, raw: true });
      postMessage({ p: probabilityA });
    }
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) });
  }
};
