/** @file The engine flags that commands share. */

import { type Engine, type EngineName, openEngine } from '@arena/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';

export interface EngineFlags {
  engine: EngineName | 'auto';
  threads?: number;
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'compute engine').choices(['auto', 'cpu', 'wasm']).default('auto'))
    .option('--threads <n>', 'threads that compute (engine wasm)', integer(1, 64));
}

export function openFlagged({ engine, threads }: EngineFlags): Promise<Engine> {
  return openEngine(engine, threads === undefined ? {} : { threads });
}

/** Parses a whole number within bounds, for commander. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`a whole number from ${min}${max < 1e15 ? ` to ${max}` : ''} is expected.`);
    }
    return value;
  };
}

/** Parses a number within bounds, for commander. */
export function number(min: number, max = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!text.trim() || !(value >= min && value <= max)) {
      throw new InvalidArgumentError(`a number from ${min}${max < Infinity ? ` to ${max}` : ''} is expected.`);
    }
    return value;
  };
}
