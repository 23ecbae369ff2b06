/** @file `arena serve`: a trained adapter behind a small HTTP endpoint, on this machine unless told otherwise. */
import { once } from 'node:events';
import type { Battle } from '@arena/data';
import { cleanToken } from '@arena/files/hub';
import { baseOfCard, readCard } from '@arena/judge/card';
import type { Command } from 'commander';
import { byteSize, integer, number } from '../flags/arguments.js';
import { addEngineOptions, type EngineFlags, openFlagged } from '../flags/engine-option.js';
import { rawOption } from '../flags/raw-option.js';
import { onInterrupt } from '../interrupt.js';
import { answerOf } from '../predict/answer.js';
import { isLoopback, startPredictionServer } from '../serve/server.js';
import { adapterFolder, loadTrained, readTrained } from '../trained-model.js';

interface ServeFlags extends EngineFlags {
  model: string;
  base?: string;
  host: string;
  port: number;
  bothOrders: boolean;
  raw: boolean;
  maxBytes: number;
  maxBattles: number;
  queue: number;
  connections: number;
  timeout: number;
}

/** Battles scored together: enough to fill batches, few enough for a short wait. */
const TOGETHER = 16;

export function define(command: Command): void {
  command
    .requiredOption(
      '--model <dir>',
      'adapter folder, the folder of a training run, or a checkpoint that arena merge wrote',
    )
    .option('--base <dir|hub-id>', 'base checkpoint (default: the one that the adapter was trained on)')
    .option('--host <name>', 'address to bind; beyond this machine the token ARENA_TOKEN is needed', '127.0.0.1')
    .option('--port <n>', 'port, 0 for any free one', integer(0, 65_535), 8642)
    .option('--both-orders', 'average over both orders of the answers', false)
    .option('--max-bytes <size>', 'largest body of a request', byteSize, 4_000_000)
    .option('--max-battles <n>', 'most battles of a request', integer(1), 256)
    .option('--queue <n>', 'battles that may wait; more get 429', integer(1), 1024)
    .option('--connections <n>', 'connections open at a time', integer(1), 512)
    .option('--timeout <seconds>', 'time for a request, waiting included', number(0.001, 86_400), 60);
  addEngineOptions(command.addOption(rawOption())).action((flags: ServeFlags) => serve(flags));
}

async function serve({ model: path, base, host, port, bothOrders, raw, ...flags }: ServeFlags): Promise<void> {
  const signal = onInterrupt();
  const token = cleanToken(process.env.ARENA_TOKEN, 'ARENA_TOKEN');
  if (!isLoopback(host) && !token) {
    throw new Error(
      `--host ${host} can be reached from other machines: set the environment variable ARENA_TOKEN to a secret`,
    );
  }
  const folder = await adapterFolder(path);
  const card = await readCard(folder);
  const engine = await openFlagged(flags);
  try {
    const files = card.merged ? await readTrained(folder) : await readTrained(base ?? baseOfCard(card, folder), folder);
    const judge = await loadTrained(files, raw, signal);
    try {
      const score = async (battles: Battle[], stop: AbortSignal) => {
        const options = { swap: bothOrders, raw, signal: stop };
        return (await judge.predictMany(battles, options)).map(answerOf);
      };
      const { maxBytes, maxBattles, queue, connections } = flags;
      const timeout = 1000 * flags.timeout;
      const limits = { maxBytes, maxBattles, queue, connections, timeout, together: TOGETHER };
      const server = await startPredictionServer(score, { host, port, token, ...limits });
      console.log(`${folder} is served at ${server.url}: POST /predict, GET /health${token ? ', with the token' : ''}`);
      console.log(`example: ${example(server.url, token)}`);
      if (!signal.aborted) await once(signal, 'abort');
      await server.close();
    } finally {
      await judge.dispose();
    }
    console.log('stopped');
  } finally {
    engine.dispose();
  }
}

function example(url: string, token: string | undefined): string {
  const header = token ? ` -H "Authorization: Bearer $ARENA_TOKEN"` : '';
  return `curl ${url}/predict -H "content-type: application/json"${header} -d '{"prompt": "2 + 2?", "response_a": "4", "response_b": "5"}'`;
}
