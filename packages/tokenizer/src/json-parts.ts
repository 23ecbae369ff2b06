/**
 * @file The vocabulary and the merges of a tokenizer.json as stretches of its bytes, which are parsed one by one.
 *
 * Parsed as a whole, the file of a large vocabulary takes several times its size: a text of two bytes a character, then an
 * object of a quarter of a million names and a list of twice as many texts. None of them is kept.
 */

/** A list or an object within a JSON text. */
export interface JsonPart {
  /** Bytes [start, end), brackets included. */
  start: number;
  end: number;
  /** Entries in it. */
  count: number;
  /** Where it may be cut: at commas between its entries. */
  cuts: number[];
}

/** Bytes of a stretch, about. */
const STRETCH = 2 ** 13;
const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Finds the object `model.vocab` and the list `model.merges` in the bytes of a tokenizer.json.
 *
 * @returns null where the file is to be parsed as a whole: when they are not there, are there twice or are damaged
 */
export function findParts(json: Uint8Array): { vocab: JsonPart; merges: JsonPart } | null {
  let vocab: JsonPart | null = null;
  let merges: JsonPart | null = null;
  let models = 0;
  let inModel = false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
    else if (byte === QUOTE) {
      const end = stringEnd(json, at);
      const value = depth === 1 || (depth === 2 && inModel) ? valueStart(json, end) : -1;
      if (value >= 0) {
        const name = decoder.decode(json.subarray(at + 1, end - 1));
        if (name.includes('\\')) return null; // it may be any name
        if (depth === 1) {
          inModel = name === 'model';
          if (inModel && models++ > 0) return null;
        } else if (name === 'vocab' || name === 'merges') {
          const part = readPart(json, value);
          if (part && name === 'vocab' && json[value] === OPEN_OBJECT && !vocab) vocab = part;
          else if (part && name === 'merges' && json[value] === OPEN_LIST && !merges) merges = part;
          else return null;
          at = part.end - 1;
          continue;
        }
      }
      at = end - 1;
    }
  }
  return vocab && merges ? { vocab, merges } : null;
}

/** The text of the file with nothing between the brackets of the parts. */
export function withoutParts(json: Uint8Array, parts: JsonPart[]): string {
  const inOrder = parts.toSorted((a, b) => a.start - b.start);
  const bounds = [0, ...inOrder.flatMap(({ start, end }) => [start + 1, end - 1]), json.length];
  const text = new TextDecoder(); // takes a byte order mark off
  let rest = '';
  for (let i = 0; i < bounds.length; i += 2)
    rest += text.decode(json.subarray(bounds[i], bounds[i + 1]), { stream: i + 2 < bounds.length });
  return rest;
}

/** The text of each stretch of a part, in brackets of its own. */
export function* stretches(json: Uint8Array, { start, end, cuts }: JsonPart): Generator<string> {
  let from = start;
  for (const cut of [...cuts, end - 1]) {
    const bytes = new Uint8Array(json.subarray(from, cut + 1)); // a copy, which Buffer's slice is not
    bytes[0] = json[start];
    bytes[bytes.length - 1] = json[end - 1];
    yield decoder.decode(bytes);
    from = cut;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The list or object that opens at `start`; null when it does not end, or is damaged where it would be cut. */
function readPart(json: Uint8Array, start: number): JsonPart | null {
  const cuts: number[] = [];
  let count = 0;
  let depth = 0;
  let from = start;
  let isBlank = true; // since the last comma
  for (let at = start; at < json.length; at++) {
    const byte = json[at];
    if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (--depth > 0) continue;
      if (byte !== json[start] + 2 || (isBlank && count > 0)) return null;
      return { start, end: at + 1, count: isBlank ? 0 : count + 1, cuts };
    }
    if (byte === COMMA && depth === 1) {
      if (isBlank) return null;
      count++;
      isBlank = true;
      if (at - from >= STRETCH) {
        cuts.push(at);
        from = at;
      }
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    if (byte === QUOTE) at = stringEnd(json, at) - 1;
    if (byte > 0x20 && at > start) isBlank = false;
  }
  return null;
}

/** Index behind the closing quote of the string that opens at `at`, or the end. */
function stringEnd(json: Uint8Array, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    if (json[i] === QUOTE) return i + 1;
    if (json[i] === BACKSLASH) i++;
  }
  return json.length + 1;
}

/** Index of the value behind a name that ends at `end`; -1 when it is no name. */
function valueStart(json: Uint8Array, end: number): number {
  const colon = skipSpace(json, end);
  return json[colon] === COLON ? skipSpace(json, colon + 1) : -1;
}

function skipSpace(json: Uint8Array, at: number): number {
  let i = at;
  while (json[i] === 0x20 || json[i] === 0x0a || json[i] === 0x0d || json[i] === 0x09) i++;
  return i;
}
