/** @file Decoders: token texts back to one text. */

import { TokenizerError } from './error.js';
import { type Component, sequence, stringPattern, textSetting } from './tokenizer-json.js';

/** Maps token texts to texts that are joined without a separator. */
export type Decoder = (tokens: string[]) => string[];

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** Compiles the `decoder` part of the file. Without one, tokens are joined by spaces, as in Hugging Face's library. */
export function compileDecoder(part: Component | null): Decoder {
  if (!part) return (tokens) => [tokens.join(' ')];
  switch (part.type) {
    case 'Sequence': {
      const steps = sequence(part, 'decoders', 'decoder').map(compileDecoder);
      return (tokens) => steps.reduce((value, step) => step(value), tokens);
    }
    case 'Replace': {
      const pattern = stringPattern(part, 'decoder');
      const content = textSetting(part, 'content', 'decoder');
      return pattern === ''
        ? (tokens) => tokens
        : (tokens) => tokens.map((token) => token.replaceAll(pattern, () => content));
    }
    case 'ByteFallback':
      return (tokens) => joinBytes(tokens, decodeWhole);
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip': {
      const content = textSetting(part, 'content', 'decoder');
      const start = Number(part.start ?? 0);
      const stop = Number(part.stop ?? 0);
      return (tokens) => tokens.map((token) => strip(token, content, start, stop));
    }
    default:
      throw new TokenizerError(
        'unsupported',
        `tokenizer.json: decoder "${part.type}" is not supported (Sequence, Replace, ByteFallback, Fuse, Strip are)`,
      );
  }
}

/** Runs of `<0xNN>` become the texts that they spell. */
export function joinBytes(tokens: string[], decodeBytes: (bytes: Uint8Array) => string): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) out.push(decodeBytes(Uint8Array.from(bytes)));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token);
    if (byte) {
      bytes.push(Number.parseInt(byte[1], 16));
    } else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as UTF-8, or one U+FFFD for each of them where some are not: the rule of Hugging Face's library. */
function decodeWhole(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return '\ufffd'.repeat(bytes.length);
  }
}

/** Bytes as UTF-8, with U+FFFD for each byte that is no part of a character: SentencePiece's rule. */
export function decodeEach(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at];
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += utf8.decode(bytes.subarray(at, at + size));
      at += size;
    } catch {
      text += '\ufffd';
      at++;
    }
  }
  return text;
}

/** Takes up to `start` copies of `content` off the front and up to `stop` off the end. */
function strip(token: string, content: string, start: number, stop: number): string {
  let from = 0;
  let to = token.length;
  for (let k = 0; k < start && content !== '' && token.startsWith(content, from) && from < to; k++)
    from += content.length;
  for (let k = 0; k < stop && content !== '' && to - content.length >= from && token.endsWith(content, to); k++)
    to -= content.length;
  return token.slice(from, to);
}
