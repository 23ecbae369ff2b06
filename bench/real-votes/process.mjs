/** @file A child process whose output goes to a file, with the memory it had at most. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** Milliseconds between two looks at a process. */
const LOOK = 1000;

/**
 * Runs a command to its end. Its lines go to `log`, and to `onLine` with the seconds since the start.
 * @param ended Told the seconds and, where /proc has it, the peak memory in bytes; also of a process that fails.
 * @throws Error when it fails; its last lines are in the message.
 */
export async function runProcess(command, words, { log, env, onLine, ended }) {
  const begin = Date.now();
  const seconds = () => (Date.now() - begin) / 1000;
  const file = createWriteStream(log, { flags: 'a' });
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const stop = () => child.kill('SIGINT'); // `arena train` saves a checkpoint then
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const last = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      file.write(`${line}\n`);
      last.push(line);
      if (last.length > 5) last.shift();
      onLine?.(line, seconds());
    });
  }
  let peakBytes = 0;
  const look = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakBytes = Math.max(peakBytes, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  };
  const timer = setInterval(look, LOOK);
  try {
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (number, signal) => resolve(signal ?? number));
    });
    if (code !== 0) throw new Error(`${command} ${words[0]} ended with ${code}; ${log} has more: ${last.join(' | ')}`);
  } finally {
    clearInterval(timer);
    await ended?.({ seconds: seconds(), peakBytes });
    file.end();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
