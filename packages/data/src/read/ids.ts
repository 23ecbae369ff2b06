/** @file The ids of battles: exact, and never one of another row. */
import { idText } from '@arena/files/text';
import { DataError } from '../error.js';
import { Rejected } from './rejected.js';

/** Columns that hold ids. The first that a file has is taken, for all its rows. */
export const ID_COLUMNS = ['id', 'question_id'] as const;

/** The id of a record that is row `row` of the read. @throws Rejected for a value that can be no id. */
export type IdOf = (record: Record<string, unknown>, row: number) => string;

/**
 * Ids over the files of one read. A row without an id is named by its number (`5`) where no row before it has an id,
 * and otherwise `row-5`.
 */
export function idMaker(): {
  /** For the rows of a file. @throws DataError for an id that a row without one was given before. */
  of(file: string, column: string | undefined): IdOf;
} {
  let someGiven = false;
  const numbered: { from: number; to: number; file: string }[] = []; // rows named by their numbers
  const made = new Set<string>();
  const given = new Set<string>(); // of those that could be made
  return {
    of(file, column) {
      const hasColumn = column !== undefined;
      let numbers: { from: number; to: number; file: string } | undefined;
      return (record, row) => {
        const refuse = (what: string) => new Rejected('bad_id', `${column} is ${what}`);
        const id = column === undefined ? undefined : idText(record[column], refuse);
        if (id !== undefined) {
          someGiven = true;
          if (id.startsWith('row-')) given.add(id);
          const taken =
            numbered.find(({ from, to }) => isRowNumber(id, from, to))?.file ?? (made.has(id) ? file : undefined);
          if (taken === undefined) return id;
          const reason = `the id ${id} names another row, which has no id in its file (${taken}); give every row an id`;
          throw new DataError('row', reason, { file, row, column });
        }
        if (hasColumn || someGiven) {
          let name = `row-${row}`;
          while (given.has(name)) name = `${name}'`;
          made.add(name);
          return name;
        }
        if (numbers?.to === row) numbers.to++;
        else numbered.push((numbers = { from: row, to: row + 1, file }));
        return String(row);
      };
    },
  };
}

/** Whether an id is the number of a row in `[from, to)`. */
function isRowNumber(id: string, from: number, to: number): boolean {
  const number = Number(id);
  return number >= from && number < to && String(number) === id;
}
