/** @file Access tokens and headers: checked before use, and never in a message. */
import { FileError } from './error.js';

/**
 * A token without the spaces, line breaks and quotes that files and environment variables carry along; huggingface_hub
 * cleans it the same way, but for the quotes. Undefined for an empty one.
 * @param source What gave it, for the message: the name of a variable or a file.
 * @throws FileError naming the source, never the token, when it holds what no header may hold.
 */
export function cleanToken(token: string | undefined, source: string): string | undefined {
  const clean = token
    ?.replace(/[\r\n]/g, '')
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2');
  if (!clean) return undefined;
  const at = clean.search(/[^\x21-\x7e]/);
  if (at < 0) return clean;
  const what = /\s/.test(clean[at]) ? 'a space' : 'a character that is not ASCII';
  throw new FileError('argument', `the token holds ${what} (at ${at + 1} of ${clean.length}): copy it anew`, source);
}

/**
 * Checks headers, whose values `fetch` would quote in its error.
 * @throws FileError naming the header, never its value.
 */
export function checkHeaders(headers: Record<string, string>, url: string): void {
  const bad = Object.entries(headers).find(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value));
  if (!bad) return;
  throw new FileError('argument', `the header ${bad[0]} holds a character that HTTP does not allow; set it anew`, url);
}
