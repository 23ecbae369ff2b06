/** @file UTF-8, strictly: text, or what is wrong with the first byte that is none. */
import { joined } from '../source.js';

/** Text up to a first byte that is not UTF-8, and what is said of that byte. */
export interface Decoded {
  text: string;
  bad?: string;
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes, without a byte order mark. */
export function decodeUtf8(bytes: Uint8Array): Decoded {
  const stream = utf8Stream();
  const first = stream.push(bytes);
  if (first.bad !== undefined) return first;
  const { bad } = stream.end();
  return bad === undefined ? first : { ...first, bad };
}

/** Decodes bytes that come in parts, without a byte order mark. */
export function utf8Stream(): { push(bytes: Uint8Array): Decoded; end(): Decoded } {
  let pending = new Uint8Array(0); // the begun character at the end of the last part
  let started = false;
  const start = (text: string) => {
    if (started || text === '') return text;
    started = true;
    return text[0] === '\ufeff' ? text.slice(1) : text;
  };
  return {
    push(bytes) {
      const all = pending.length > 0 ? joined([pending, bytes]) : bytes;
      const end = wholeCharacters(all);
      pending = all.slice(end);
      const whole = all.subarray(0, end);
      try {
        return { text: start(STRICT.decode(whole)) };
      } catch {
        const at = firstInvalid(whole);
        return { text: start(STRICT.decode(whole.subarray(0, at))), bad: describe(whole, at) };
      }
    },
    end() {
      if (pending.length === 0) return { text: '' };
      return {
        text: '',
        bad: `${hex(pending)} begins a character of UTF-8 that the end of the file cuts off; is the file complete?`,
      };
    },
  };
}

/** Where the last character ends that is not merely begun. */
function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return length;
    if (byte < 0xc0) continue; // a further byte of a character
    const need = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return byte < 0xf8 && back < need && isBegun(bytes.subarray(length - back)) ? length - back : length;
  }
  return length;
}

/** Whether more bytes could make these a character. */
function isBegun(bytes: Uint8Array): boolean {
  const least = bytes[0] === 0xe0 ? 0xa0 : bytes[0] === 0xf0 ? 0x90 : 0x80; // of second bytes
  return firstInvalid(joined([bytes, new Uint8Array(4 - bytes.length).fill(least)])) > 0;
}

/** Index of the first byte that begins no character, or the length. */
function firstInvalid(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte < 0x80) {
      at++;
      continue;
    }
    const more =
      byte >= 0xc2 && byte < 0xe0 ? 1 : byte >= 0xe0 && byte < 0xf0 ? 2 : byte >= 0xf0 && byte < 0xf5 ? 3 : 0;
    const second = bytes[at + 1];
    // Longer forms than needed, surrogates, and code points beyond 0x10ffff.
    const wrong =
      (byte === 0xe0 && second < 0xa0) ||
      (byte === 0xed && second > 0x9f) ||
      (byte === 0xf0 && second < 0x90) ||
      (byte === 0xf4 && second > 0x8f);
    if (more === 0 || wrong) return at;
    for (let i = 1; i <= more; i++) if (!(bytes[at + i] >= 0x80 && bytes[at + i] < 0xc0)) return at;
    at += more + 1;
  }
  return bytes.length;
}

function describe(bytes: Uint8Array, at: number): string {
  const [byte, second] = bytes.subarray(at, at + 2);
  if (byte === 0xed && second > 0x9f) {
    return `${hex(bytes.subarray(at, at + 3))} is half a surrogate pair, which is not UTF-8 (CESU-8, or Python's surrogatepass); write the file anew as UTF-8`;
  }
  const start = Math.max(0, at - SAMPLE);
  const { name, iconv } = guess(bytes.subarray(start, at + SAMPLE));
  const how = iconv ? ` (iconv -f ${iconv} -t UTF-8)` : '';
  return `byte ${hex(bytes.subarray(at, at + 1))}${near(bytes, at)} is not UTF-8; the text seems to be ${name}: save it as UTF-8${how}`;
}

/** The readable text before a byte. */
function near(bytes: Uint8Array, at: number): string {
  const text = String.fromCharCode(...bytes.subarray(Math.max(0, at - 12), at)).replace(/^.*[^\x20-\x7e]/s, '');
  return text.trim() === '' ? '' : ` after ${JSON.stringify(text)}`;
}

const SAMPLE = 2 ** 14;

interface Legacy {
  /** As TextDecoder knows it. */
  label: string;
  name: string;
  /** As iconv knows it. */
  iconv: string;
  letters: RegExp;
}

const LEGACY: readonly Legacy[] = [
  { label: 'shift_jis', name: 'Shift_JIS (Japanese)', iconv: 'CP932', letters: /[\u3041-\u30fa]/g },
  { label: 'euc-jp', name: 'EUC-JP (Japanese)', iconv: 'EUC-JP', letters: /[\u3041-\u30fa]/g },
  { label: 'euc-kr', name: 'EUC-KR (Korean)', iconv: 'CP949', letters: /[\uac00-\ud7a3]/g },
  { label: 'windows-1251', name: 'Windows-1251 (Cyrillic)', iconv: 'CP1251', letters: /[\u0430-\u044f]/g },
  { label: 'gb18030', name: 'GB18030 (Chinese)', iconv: 'GB18030', letters: /[\u4e00-\u9fa5]/g },
  { label: 'big5', name: 'Big5 (Chinese)', iconv: 'BIG5', letters: /[\u4e00-\u9fa5]/g },
];

/** A guess, by whether bytes beyond ASCII stand alone, and by what letters each encoding makes of them. */
function guess(bytes: Uint8Array): { name: string; iconv?: string } {
  const runs = String.fromCharCode(...bytes.subarray(0, SAMPLE)).match(/[\x80-\xff]+/g) ?? [];
  const alone = runs.filter((run) => run.length === 1).length;
  const [japanese, ...others] = LEGACY;
  // second bytes of Shift_JIS may be ASCII
  if (share(bytes, japanese) > 0.5) return { name: japanese.name, iconv: japanese.iconv };
  if (2 * alone >= runs.length) return { name: 'Windows-1252 (Western European)', iconv: 'WINDOWS-1252' };
  const [best] = others.map((one) => ({ ...one, share: share(bytes, one) })).sort((a, b) => b.share - a.share);
  if (runs.join('').length >= 8 && best.share > 0.5) return { name: best.name, iconv: best.iconv };
  return { name: 'in another encoding, or damaged' };
}

/** Share of an encoding's own letters in what it makes of the bytes beyond ASCII. */
function share(bytes: Uint8Array, { label, letters }: Legacy): number {
  try {
    // the sample may begin and end within a character: the odd letter counts little
    const text = new TextDecoder(label).decode(bytes).replace(/[\0-\x7f]/g, '');
    return (text.match(letters)?.length ?? 0) / Math.max(1, [...text].length);
  } catch {
    return 0; // an encoding that this runtime does not have
  }
}

function hex(bytes: Uint8Array): string {
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('')}`;
}
