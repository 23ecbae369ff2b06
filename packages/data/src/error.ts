/** @file The one error type of this package. */

type DataErrorCode = 'read' | 'format' | 'schema' | 'row' | 'saved' | 'argument';

/** Where in the input something is wrong. */
export interface DataErrorPlace {
  file?: string;
  /** Index of the data record from 0. */
  row?: number;
  column?: string;
}

/**
 * Input or arguments that cannot be used: what was read, what was expected, what to do; with the place where known.
 * `code` says which kind:
 * - `read`: the bytes cannot be read; `cause` is the error of the file or address
 * - `format`: the file is no Parquet, CSV or JSON lines, or a damaged one
 * - `schema`: the columns are those of no known schema
 * - `row`: a row is not a battle, or has no label to learn from
 * - `saved`: a saved split, packed file or state of a run is damaged or of other data
 * - `argument`: an invalid option
 */
export class DataError extends Error {
  override readonly name = 'DataError';
  readonly code: DataErrorCode;
  readonly file?: string;
  readonly row?: number;
  readonly column?: string;

  constructor(
    code: DataErrorCode,
    message: string,
    { file, row, column }: DataErrorPlace = {},
    options?: ErrorOptions,
  ) {
    const place = [
      file,
      row === undefined ? undefined : `row ${row}`,
      column === undefined ? undefined : `column ${column}`,
    ];
    const prefix = place.filter((part) => part !== undefined).join(', ');
    super(prefix ? `${prefix}: ${message}` : message, options);
    this.code = code;
    this.file = file;
    this.row = row;
    this.column = column;
  }
}
