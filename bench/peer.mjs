/** @file A Python with the peer stack, as a process that answers one request at a time (bench/peer.py). */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Starts it and asks for its versions.
 * @param {string} python Path of a Python that has torch; for steps also transformers, peft and bitsandbytes.
 * @returns {Promise<{ versions: object, canStep: boolean, ask: (request: object) => Promise<any>, close: () => void }>}
 * @throws Error when it cannot be started or has no torch.
 */
export async function startPeer(python, threads) {
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const child = spawn(python, [fileURLToPath(new URL('peer.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const ended = new Promise((_, reject) => {
    child.on('error', (error) => reject(new Error(`${python}: cannot be started (${error.message})`)));
    child.on('exit', (code, signal) => reject(new Error(`${python}: the peer ended (${signal ?? `code ${code}`})`)));
  });
  ended.catch(() => {}); // it ends at close, too
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await Promise.race([lines.next(), ended]);
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`${python}: ${request.do}: ${answer.error}`);
    return answer;
  };
  const versions = await ask({ do: 'versions', threads });
  return {
    versions,
    canStep: Boolean(versions.transformers && versions.peft && versions.bitsandbytes),
    ask,
    close: () => child.stdin.end(),
  };
}
