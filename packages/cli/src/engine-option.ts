/** @file The engine flags that commands share. */

import { type Engine, type EngineName, openEngine } from '@arena/runtime';
import { type Command, Option } from 'commander';
import { integer } from './arguments.js';

export interface EngineFlags {
  engine: EngineName | 'auto';
  threads?: number;
  wide?: boolean;
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <name>', 'compute engine')
        .choices(['auto', 'webgpu', 'wasm', 'tensorflow', 'cpu'])
        .default('auto'),
    )
    .option('--threads <n>', 'threads that compute (engine wasm)', integer(1, 64))
    .option('--wide', '256-bit vectors by an experimental V8 flag (engine wasm, Node 24 or later)');
}

export async function openFlagged({ engine, threads, wide }: EngineFlags): Promise<Engine> {
  const opened = await openEngine(engine, { threads, wide });
  for (const note of opened.notes) console.error(`engine ${opened.name}: ${note}`);
  return opened;
}
