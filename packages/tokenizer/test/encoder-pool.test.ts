/** @file Threads give what one tokenizer gives, in the order of the texts; they need the package as built. */
import { existsSync, readFileSync } from 'node:fs';
import { loadTokenizer, openEncoderPool, sentencePieceTokenizer } from '@arena/tokenizer';
import { describe, expect, test } from 'vitest';

const module = new URL('../dist/index.js', import.meta.url);
const json = readFileSync(new URL('fixtures/tiny-tokenizer.json', import.meta.url));
const texts = Array.from({ length: 200 }, (_, i) => `${'why is the river blue? '.repeat(i % 7)}${i} <bos> 日本\ud800`);

test('settings that are none', () => {
  expect(() => openEncoderPool(json, { workers: 0 })).toThrow(/workers 0/);
});

describe.skipIf(!existsSync(module))('with the package built', () => {
  test('the same ids in the same order, whoever is first', async () => {
    const tokenizer = loadTokenizer(json);
    const pool = openEncoderPool(json, { workers: 2, module });
    for (const options of [{}, { splitSpecialTokens: true }, { addSpecialTokens: true }]) {
      // Lots of unlike sizes at once: the later ones are done before the earlier.
      const lots = [texts, [], texts.slice(0, 3), [''], texts.slice(100)];
      const found = await Promise.all(lots.map((lot) => pool.encode(lot, options)));
      expect(found).toEqual(lots.map((lot) => lot.map((text) => tokenizer.encode(text, options))));
    }
    await pool.close();
    await expect(pool.encode(['a'])).rejects.toThrow(/ended before/);
  });
  test('a SentencePiece vocabulary', async () => {
    const { cases, ...lists } = JSON.parse(
      readFileSync(new URL('fixtures/sentencepiece.json', import.meta.url), 'utf8'),
    );
    const vocabulary = { ...lists, scores: Float32Array.from(lists.scores), addSpacePrefix: true };
    const tokenizer = sentencePieceTokenizer(vocabulary);
    const pool = openEncoderPool(vocabulary, { workers: 2, module });
    const found = await Promise.all([pool.encode(texts), pool.encode(texts, { addSpecialTokens: true })]);
    expect(found[0]).toEqual(texts.map((text) => tokenizer.encode(text)));
    expect(found[1]).toEqual(texts.map((text) => tokenizer.encode(text, { addSpecialTokens: true })));
    await pool.close();
    const damaged = openEncoderPool({ ...vocabulary, bosId: -1 }, { workers: 1, module });
    await expect(damaged.encode(['a'])).rejects.toMatchObject({ name: 'TokenizerError', code: 'vocabulary' });
    await damaged.close();
  });
  test('a thread finds the package by itself', async () => {
    const built: typeof import('@arena/tokenizer') = await import(module.href);
    const pool = built.openEncoderPool(json, { workers: 1 });
    expect(await pool.encode(texts.slice(0, 3))).toEqual(
      texts.slice(0, 3).map((text) => loadTokenizer(json).encode(text)),
    );
    await pool.close();
  });
  test('a file that is no tokenizer, and work cut short', async () => {
    const damaged = openEncoderPool('{', { workers: 1, module });
    await expect(damaged.encode(['a'])).rejects.toMatchObject({ code: 'malformed', message: /not JSON/ });
    await damaged.close();
    const cut = openEncoderPool(json, { workers: 1, module });
    const waiting = expect(cut.encode(texts)).rejects.toThrow(/ended before/);
    await cut.close();
    await waiting;
  });
});
