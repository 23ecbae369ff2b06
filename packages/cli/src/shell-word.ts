/** @file A text as a word of a command line. */

/** Quotes a text for a shell to take as one word, where that is needed. */
export function shellWord(text: string, windows = process.platform === 'win32'): string {
  if (windows ? /^[\w@+=:,./\\-]+$/.test(text) : /^[\w@%+=:,./-]+$/.test(text)) return text;
  return windows ? `"${text.replaceAll('"', '""')}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}
