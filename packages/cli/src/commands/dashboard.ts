/** @file `arena dashboard`: charts of the runs in a folder. */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { openDashboard } from '../dashboard/server.js';
import { integer } from '../flags/arguments.js';
import { onInterrupt } from '../interrupt.js';

export function define(command: Command): void {
  command
    .argument('<dir>', 'a run, or a folder of runs')
    .option('--port <n>', 'port on this machine (0: a free one)', integer(0, 65535), 6006)
    .action((directory: string, { port }: { port: number }) => dashboard(directory, port));
}

async function dashboard(directory: string, port: number): Promise<void> {
  const info = await stat(directory).catch(() => undefined);
  if (!info?.isDirectory())
    throw new Error(`${directory}: is no folder; the --out of a run is expected, or its parent`);
  const signal = onInterrupt();
  const { url, close } = await openDashboard(directory, port, true);
  console.log(`${url} shows the runs in ${directory}; Ctrl-C ends it`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  close();
}
