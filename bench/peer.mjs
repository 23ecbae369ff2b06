/** @file A Python with the peer stack, as a process that answers one request at a time (bench/peer.py, bench/peer-data.py). */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Starts bench/peer.py and asks for its versions.
 * @param {string} python Path of a Python that has torch; for steps also transformers, peft and bitsandbytes.
 * @returns {Promise<{ versions: object, canStep: boolean, ask: (request: object) => Promise<any>, close: () => void }>}
 * @throws Error when it cannot be started or has no torch.
 */
export async function startPeer(python, threads) {
  const script = fileURLToPath(new URL('peer.py', import.meta.url));
  const peer = startScript(python, [script], {
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  });
  const versions = await peer.ask({ do: 'versions', threads });
  return {
    versions,
    canStep: Boolean(versions.transformers && versions.peft && versions.bitsandbytes),
    ...peer,
  };
}

/**
 * Starts a program that answers each line of JSON with one, an error as `{ error }`.
 * @returns {{ ask: (request: object) => Promise<any>, close: () => void }} `ask` throws an Error when the process has ended
 */
export function startScript(program, args, env) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const ended = new Promise((_, reject) => {
    child.on('error', (error) => reject(new Error(`${program}: cannot be started (${error.message})`)));
    child.on('exit', (code, signal) => reject(new Error(`${program}: the peer ended (${signal ?? `code ${code}`})`)));
  });
  ended.catch(() => {}); // it ends at close, too
  child.stdin.on('error', () => {}); // `ended` says why
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await Promise.race([lines.next(), ended]);
    if (value === undefined) return ended; // its output closed before its end was told
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`${program}: ${request.do}: ${answer.error}`);
    return answer;
  };
  return { ask, close: () => child.stdin.end() };
}
