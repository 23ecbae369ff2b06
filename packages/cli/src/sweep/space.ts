/** @file A sweep's space of flags, and the trials in it. */
import { Mt19937 } from '@arena/random';
import { isObject, readJson } from '../json-file.js';

/** A flag's value, as in a file of `--config`. */
type FlagValue = string | number | boolean | null | (string | number)[];

/** Flags of `arena train` by their names without dashes. */
export type Flags = Record<string, FlagValue>;

/** What a flag is drawn from: one of a list, or a number between two, evenly or evenly in its logarithm. */
type Range = FlagValue[] | { uniform: [number, number] } | { log: [number, number] } | { int: [number, number] };

/** Content of a file of `--space`. */
export interface SweepSpace {
  /** Flags of all trials. */
  train: Flags;
  /** Every combination of these is tried. */
  grid?: Record<string, FlagValue[]>;
  /** With `trials`: tries each combination of the grid this many times, with draws from these. */
  random?: Record<string, Range>;
  trials?: number;
}

/**
 * Reads and checks a space.
 * @throws Error naming the file and the field that is missing or of another kind.
 */
export async function readSpace(path: string): Promise<SweepSpace> {
  const fail = (message: string) => new Error(`${path}: ${message}`);
  const space = (await readJson(path, { advice: 'it is given as --space' })) as SweepSpace;
  const unknown = Object.keys(isObject(space) ? space : {}).find(
    (key) => !['train', 'grid', 'random', 'trials'].includes(key),
  );
  if (unknown) throw fail(`'${unknown}' is not known; train, grid, random and trials are`);
  if (!isObject(space?.train)) throw fail("'train' must hold the flags that all trials share");
  for (const key of ['grid', 'random'] as const) {
    space[key] ??= undefined; // null is nothing
    if (space[key] !== undefined && !isObject(space[key]))
      throw fail(`'${key}' must hold flags and what they vary over`);
  }
  const { grid = {}, random = {}, trials } = space;
  for (const [flag, values] of Object.entries(grid)) {
    if (!Array.isArray(values) || !values.length) throw fail(`grid '${flag}' must be a list of values`);
  }
  for (const [flag, range] of Object.entries(random)) {
    if (!isRange(range)) {
      throw fail(
        `random '${flag}' must be a list, or {"uniform": [a, b]}, {"log": [a, b]} or {"int": [a, b]} with a < b`,
      );
    }
  }
  if (!Object.keys(grid).length && !Object.keys(random).length)
    throw fail("'grid' or 'random' must hold flags to vary");
  if (Object.keys(random).length && !(Number.isInteger(trials) && trials! > 0)) {
    throw fail("'random' needs 'trials', a whole number of draws");
  }
  for (const flag of ['out', 'resume', 'config', 'dashboard']) {
    if ([space.train, grid, random].some((flags) => flag in flags)) throw fail(`'${flag}' is the sweep's own`);
  }
  return space;
}

/** The flags that each trial varies, in a fixed order. Draws come from the seed. */
export function trialsOf({ grid = {}, random = {}, trials = 1 }: SweepSpace, seed: number): Flags[] {
  let combinations: Flags[] = [{}];
  for (const [flag, values] of Object.entries(grid)) {
    combinations = combinations.flatMap((flags) => values.map((value) => ({ ...flags, [flag]: value })));
  }
  const generator = new Mt19937(seed);
  return combinations.flatMap((flags) =>
    Array.from({ length: Object.keys(random).length ? trials : 1 }, () => ({
      ...flags,
      ...Object.fromEntries(Object.entries(random).map(([flag, range]) => [flag, draw(range, generator)])),
    })),
  );
}

function draw(range: Range, generator: Mt19937): FlagValue {
  const share = generator.next() / 2 ** 32;
  if (Array.isArray(range)) return range[Math.floor(share * range.length)];
  if ('int' in range) return range.int[0] + Math.floor(share * (range.int[1] - range.int[0] + 1));
  const value =
    'log' in range
      ? range.log[0] * (range.log[1] / range.log[0]) ** share
      : range.uniform[0] + (range.uniform[1] - range.uniform[0]) * share;
  return Number(value.toPrecision(3)); // rounds to as many digits as a person would type
}

function isRange(range: unknown): range is Range {
  if (Array.isArray(range)) return range.length > 0;
  if (!isObject(range)) return false;
  const [[kind, bounds] = [], ...others] = Object.entries(range);
  if (others.length || !Array.isArray(bounds) || bounds.length !== 2) return false;
  const [low, high] = bounds as unknown[];
  if (typeof low !== 'number' || typeof high !== 'number' || !(low < high)) return false;
  if (kind === 'int') return Number.isInteger(low) && Number.isInteger(high);
  return kind === 'uniform' || (kind === 'log' && low > 0);
}
