/** @file The one error type of this package. */

/** Where in the input something is wrong. */
export interface DataErrorPlace {
  file?: string;
  /** Index of the data record from 0. */
  row?: number;
  column?: string;
}

/** Input or arguments that cannot be used: what was read, what was expected, what to do; with the place where known. */
export class DataError extends Error {
  override name = 'DataError';
  readonly file?: string;
  readonly row?: number;
  readonly column?: string;

  constructor(message: string, { file, row, column }: DataErrorPlace = {}, options?: ErrorOptions) {
    const place = [
      file,
      row === undefined ? undefined : `row ${row}`,
      column === undefined ? undefined : `column ${column}`,
    ];
    const prefix = place.filter((part) => part !== undefined).join(', ');
    super(prefix ? `${prefix}: ${message}` : message, options);
    this.file = file;
    this.row = row;
    this.column = column;
  }
}
