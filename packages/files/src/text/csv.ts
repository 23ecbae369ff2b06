/**
 * @file Tables of CSV text (RFC 4180), strictly: a row has as many cells as the header, and nothing is cut, padded or
 * passed over.
 */

/** Makes the error for something wrong in a file. `row` counts records from 0; absent in the header. */
export type Fail = (reason: string, place: { row?: number; column?: string }) => Error;

/** A table whose text comes in parts. */
export interface Table {
  /**
   * Records that this part completes, by the names in the header.
   * @throws what {@link Fail} makes, after `take` has given the records before it.
   */
  push(text: string): void;
  /** Ends the text: the last row needs no line end. */
  end(): void;
  /** The records that are complete and not yet taken. */
  take(): Record<string, string>[];
  /** Where the text ends so far: for what is wrong with the text that follows. */
  place(): { row?: number; column?: string };
}

/** Largest cell in characters; without it a wrong quote would read the rest of the file as one. */
const MAX_CELL = 2 ** 24;
/** Most cells of a row: what has more is one line of something else. */
const MAX_CELLS = 10_000;
/** Delimiters that a header may show, the usual one first. */
const DELIMITERS = [',', '\t', ';', '|'];
/** Characters of a text in which the header has to end for its delimiter to be found. */
const HEADER = 2 ** 20;

const [QUOTE, CR, LF] = [0x22, 0x0d, 0x0a];

/**
 * A reader of CSV. CRLF, LF and CR end a row, also mixed; within quotes they stay as they are. The delimiter is the one
 * that the header has most (comma, tab, semicolon, bar), or that Excel's line `sep=` names. Blank lines are passed by.
 */
export function csvTable(fail: Fail): Table {
  let header: string[] | undefined;
  let records: Record<string, string>[] = [];
  let row = 0;
  let line = 1;

  let begin: string | undefined = ''; // text before the delimiter is known
  let delimiter = 0;
  let state: 'cell' | 'plain' | 'quoted' | 'quote' = 'cell';
  let afterCr = false;
  let cells: string[] = [];
  let cell = '';
  let wasQuoted = false;
  let openedAt = 0;

  const place = () => (header ? { row, column: header[cells.length] || undefined } : {});
  const at = () => (header ? { row } : {});

  function endCell(): void {
    if (cells.push(cell) > MAX_CELLS)
      throw fail(`a row of more than ${MAX_CELLS} cells in line ${line}; is this CSV?`, at());
    cell = '';
  }

  function endRow(): void {
    endCell();
    const isBlank =
      cells.length === 1 && !wasQuoted && (cells[0] === '' || (header?.length !== 1 && cells[0].trim() === ''));
    const full = cells;
    const ended = line;
    cells = [];
    wasQuoted = false;
    state = 'cell';
    if (isBlank) return;
    if (!header) {
      checkNames(full, fail);
      header = full;
      return;
    }
    if (full.length !== header.length) {
      const first = JSON.stringify(full[0].slice(0, 40));
      throw fail(
        `it has ${full.length} cells, the header has ${header.length} (line ${ended}, which begins ${first})`,
        at(),
      );
    }
    const names = header;
    records.push(Object.fromEntries(full.map((value, i) => [names[i], value])));
    row++;
  }

  function read(text: string): void {
    const { length } = text;
    for (let i = 0; i < length; ) {
      const code = text.charCodeAt(i);
      if (state === 'quoted') {
        const end = text.indexOf('"', i);
        const part = text.slice(i, end < 0 ? length : end);
        cell += part;
        line += lineEnds(part);
        if (cell.length > MAX_CELL)
          throw fail(`a cell of more than ${MAX_CELL} characters, whose quote opens in line ${openedAt}`, place());
        if (end < 0) return;
        state = 'quote';
        i = end + 1;
      } else if (state === 'quote' && code === QUOTE) {
        cell += '"';
        state = 'quoted';
        i++;
      } else if (code === delimiter) {
        endCell();
        state = 'cell';
        i++;
      } else if (code === CR || code === LF) {
        i++;
        if (code === LF && afterCr) afterCr = false;
        else {
          endRow();
          line++;
          afterCr = code === CR;
        }
        continue;
      } else if (state === 'quote') {
        throw fail(`text follows a closing quote (line ${line})`, place());
      } else if (code === QUOTE) {
        if (state === 'plain') throw fail(`a quote within a cell that does not begin with one (line ${line})`, place());
        state = 'quoted';
        wasQuoted = true;
        openedAt = line;
        i++;
      } else {
        const start = i;
        do i++;
        while (i < length && !endsPlain(text.charCodeAt(i)));
        cell += text.slice(start, i);
        if (cell.length > MAX_CELL) throw fail(`a cell of more than ${MAX_CELL} characters in line ${line}`, place());
        state = 'plain';
      }
      afterCr = false;
    }
  }

  const endsPlain = (code: number) => code === delimiter || code === LF || code === CR || code === QUOTE;

  /** Finds the delimiter once the header is there, and reads what has come. */
  function start(isAll: boolean): void {
    let text = begin!;
    const named = /^\s*"?sep=(.)"?(\r\n?|\n)/i.exec(text);
    const end = headerEnd(named ? text.slice(named[0].length) : text);
    if (end === undefined && !isAll && text.length < HEADER) return;
    begin = undefined;
    if (named) {
      text = text.slice(named[0].length);
      line++;
      afterCr = named[2] === '\r';
      delimiter = named[1].charCodeAt(0);
    } else delimiter = mostUsed(text.slice(0, end)).charCodeAt(0);
    read(text);
  }

  return {
    push(text) {
      if (begin === undefined) {
        read(text);
        return;
      }
      begin += text;
      start(false);
    },
    end() {
      if (begin !== undefined) start(true);
      if (state === 'quoted') throw fail(`a quote is left open (it opens in line ${openedAt})`, place());
      if (cells.length > 0 || state !== 'cell') endRow();
    },
    take() {
      const taken = records;
      records = [];
      return taken;
    },
    place,
  };
}

/** Throws for a name that stands twice. Columns without a name are nobody's. */
function checkNames(header: readonly string[], fail: Fail): void {
  const twice = header.find((name, i) => name !== '' && header.indexOf(name) !== i);
  if (twice === undefined) return;
  const places = header.flatMap((name, i) => (name === twice ? [i + 1] : []));
  throw fail(
    `the header has the column ${JSON.stringify(twice)} twice (columns ${places.join(' and ')}); rename or remove one`,
    {},
  );
}

function lineEnds(text: string): number {
  let count = 0;
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) count++;
  return count;
}

/** Where the first row that is not blank ends. Undefined when its end has not come. */
function headerEnd(text: string): number | undefined {
  let inQuotes = false;
  let some = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) inQuotes = !inQuotes;
    else if (!inQuotes && (code === LF || code === CR)) {
      if (some) return i;
    } else some = true;
  }
  return undefined;
}

/** The delimiter that stands most often outside of quotes; the earlier of two. */
function mostUsed(header: string): string {
  const bare = header.replace(/"[^"]*"?/g, '');
  const counts = DELIMITERS.map((one) => bare.split(one).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))];
}
