/** @file Damaged copies of a file, the same for the same seed. */

/** Whole numbers below a bound, from a seed. */
export function draws(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What readers of JSON and of numbers may trip over. */
const WORDS = [
  ...[
    'null',
    'true',
    '[]',
    '{}',
    '""',
    '-1',
    '0',
    '1e999',
    '9007199254740993',
    '1.5',
    '4294967296',
    '"F32"',
    '"__proto__"',
  ],
  ...[
    '[[',
    '}}',
    ',',
    ':',
    '"',
    '\\',
    '\\u0000',
    '../',
    '\0',
    '\ud800',
    '(a+)+$',
    '[',
    '__metadata__',
    'NaN',
    '"constructor"',
  ],
];

/** A copy with one to four changes: bits, cuts, copies, digits, whole JSON values and words put in. */
export function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const draw = draws(seed);
  let out = Buffer.from(bytes);
  for (let changes = 1 + draw(4); changes > 0; changes--) {
    const at = draw(out.length + 1);
    const length = 1 + draw(draw(2) ? 4 : 64);
    switch (draw(7)) {
      case 0:
        if (at < out.length) out[at] ^= 1 << draw(8);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - length))]);
        break;
      case 3:
        out = Buffer.from(out.subarray(0, at));
        break;
      case 4:
        for (let i = at; i < Math.min(out.length, at + length); i++) {
          if (out[i] >= 48 && out[i] <= 57) out[i] = 48 + draw(10);
        }
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at), Buffer.from(WORDS[draw(WORDS.length)]), out.subarray(at)]);
        break;
      default:
        out = withoutValue(out, at, WORDS[draw(WORDS.length)]);
    }
  }
  return out;
}

/** Puts a word in the place of the JSON value after the next colon. */
function withoutValue(bytes: Buffer, from: number, word: string): Buffer<ArrayBuffer> {
  const colon = bytes.indexOf(':', from);
  if (colon < 0) return Buffer.from(bytes);
  let end = colon + 1;
  let depth = 0;
  for (; end < bytes.length; end++) {
    const letter = String.fromCharCode(bytes[end]);
    if ('[{'.includes(letter)) depth++;
    if (depth === 0 && ',]}'.includes(letter)) break;
    if (']}'.includes(letter)) depth--;
  }
  return Buffer.concat([bytes.subarray(0, colon + 1), Buffer.from(word), bytes.subarray(end)]);
}

/** Fixes the length in front of a safetensors header, so that damage reaches the parser more often. */
export function withHeaderLength(json: Uint8Array, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}
