/** @file docs/help/messages.md has every message of the sources, and advice for every code. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

test('the page of messages is that of the sources: node tools/messages.mjs writes it', async () => {
  const tool = new URL('../../../tools/messages.mjs', import.meta.url).href;
  const { messagesPage } = (await import(/* @vite-ignore */ tool)) as { messagesPage(): string };
  const page = messagesPage();
  expect(page).toBe(await readFile(new URL('../../../docs/help/messages.md', import.meta.url), 'utf8'));
  // what the collecting must find: a class with a code, a function that makes the error, a status, a plain Error
  for (const text of [
    'the server ignores range requests',
    'no space is left; make room',
    'the body is larger than',
    'writes there; wait for it',
  ]) {
    expect(page).toContain(text);
  }
});
