/** @file A split as JSON by battle id, and back. */

import type { Battle } from '../battle.js';
import { DataError } from '../error.js';
import { SPLIT_NAMES, type SplitName, type SplitOptions, type Splits } from './split.js';

/** Content of splits.json. */
export interface SplitsFile {
  format: 'arena-splits-1';
  options: Required<SplitOptions>;
  train: string[];
  validation: string[];
  test: string[];
}

/**
 * A split as plain data, ready for JSON.stringify.
 *
 * @throws DataError when two battles share an id
 */
export function splitsToFile(splits: Splits): SplitsFile {
  const ids = (name: SplitName) => splits[name].map((battle) => battle.id);
  byId(SPLIT_NAMES.flatMap((name) => splits[name]));
  return {
    format: 'arena-splits-1',
    options: splits.options,
    train: ids('train'),
    validation: ids('validation'),
    test: ids('test'),
  };
}

/**
 * Finds the battles of a saved split. Drops battles that the file does not name.
 *
 * @throws DataError when the file is not a saved split, or names a battle twice or an unknown one
 */
export function applySplits(battles: Battle[], file: unknown): Record<SplitName, Battle[]> {
  const saved = file as Partial<SplitsFile> | null;
  if (saved?.format !== 'arena-splits-1')
    throw new DataError('saved', 'not a saved split: "format": "arena-splits-1" expected');
  const table = byId(battles);
  const taken = new Set<string>();
  const part = (name: SplitName): Battle[] => {
    const ids = saved[name];
    if (!Array.isArray(ids)) throw new DataError('saved', `the saved split has no list "${name}"`);
    return ids.map((id: unknown) => {
      const battle = table.get(String(id));
      if (!battle)
        throw new DataError(
          'saved',
          `the saved split names battle ${JSON.stringify(id)}, which is not among the ${battles.length} given; is this the data it was made from?`,
        );
      if (taken.has(battle.id))
        throw new DataError('saved', `the saved split names battle ${JSON.stringify(id)} twice`);
      taken.add(battle.id);
      return battle;
    });
  };
  return { train: part('train'), validation: part('validation'), test: part('test') };
}

function byId(battles: Battle[]): Map<string, Battle> {
  const table = new Map<string, Battle>();
  for (const battle of battles) {
    if (table.has(battle.id))
      throw new DataError(
        'row',
        `two battles have the id ${JSON.stringify(battle.id)}; ids must differ to save a split`,
        {
          row: battle.row,
        },
      );
    table.set(battle.id, battle);
  }
  return table;
}
