/** @file arena.json: the bytes that are written, and what every version of it means. */
import { COMPACT_FRAME } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { completeSettings } from '@arena/judge';
import { baseOfCard, cardOf, formatCard, mergedCard, parseCard, readCard } from '@arena/judge/card';
import { objectiveOf } from '@arena/judge/run';
import { describe, expect, test } from 'vitest';

const SETTINGS = completeSettings({ base: 'google/gemma-2-2b', data: ['v'], maxTokens: 384, frame: 'compact' });

/** As `arena quickstart` of the first versions wrote it. */
const WRITTEN = `{
  "format": "arena-model-1",
  "base": "google/gemma-2-2b",
  "head": "classes",
  "pack": {
    "maxTokens": 384,
    "frame": ${JSON.stringify(COMPACT_FRAME, null, 2).replaceAll('\n', '\n    ')}
  },
  "quantization": {
    "doubleQuant": true
  },
  "seed": 42
}
`;

const PACK = { maxTokens: 384, frame: COMPACT_FRAME };

test('a card is written with these bytes, and read back', async () => {
  const card = cardOf(objectiveOf(SETTINGS), { name: SETTINGS.base, stored: 'float' }, SETTINGS);
  expect(formatCard(card)).toBe(WRITTEN);
  expect(parseCard(WRITTEN, 'arena.json')).toEqual(card);
  expect(formatCard(parseCard(WRITTEN, 'arena.json'))).toBe(WRITTEN);
  expect(await readCard(bytesFolder({ 'arena.json': WRITTEN }))).toEqual(card);
});

test('a base in float, and a reward model', () => {
  const settings = completeSettings({ ...SETTINGS, loss: 'bradley-terry', quantize: false });
  const card = cardOf(objectiveOf(settings), { name: 'base', stored: 'float' }, settings);
  expect(card).toMatchObject({ head: 'reward', quantization: null });
  expect(parseCard(formatCard(card), 'arena.json')).toEqual(card);
});

describe('cards of earlier versions', () => {
  test('one without a head is of classes; its float base stays in float', () => {
    const old = { format: 'arena-model-1', base: 'b', pack: PACK, quantization: null, seed: 1 };
    expect(parseCard(JSON.stringify(old), 'arena.json')).toEqual({ ...old, head: 'classes' });
  });

  test("the browser page's: classes on NF4 with double quantisation, and a base that is not named", () => {
    const card = parseCard(JSON.stringify({ format: 'arena-model-1', pack: PACK }), 'arena.json');
    expect(card).toEqual({
      format: 'arena-model-1',
      pack: PACK,
      head: 'classes',
      quantization: { doubleQuant: true },
    });
    expect(() => baseOfCard(card, 'run/adapter')).toThrow(
      'run/adapter: its arena.json does not say what base it was trained on; `base` has to',
    );
  });
});

test.each([
  ['{"format": "arena-model-2"}', 'x/arena.json: format arena-model-2 is not arena-model-1'],
  ['null', 'x/arena.json: format undefined is not arena-model-1'],
  ['{', 'x/arena.json: not JSON'],
  ['{"format": "arena-model-1", "head": "vibes"}', `head is "vibes", 'classes' or 'reward' is expected`],
])('%s is refused', (text, message) => {
  expect(() => parseCard(text, 'x/arena.json')).toThrow(message);
});

test('a missing card is an error, unless something stands for it; a base has one only when an adapter was merged into it', async () => {
  const nothing = bytesFolder({});
  await expect(readCard(nothing)).rejects.toThrow(/arena\.json: cannot be read \(ENOENT\); a folder that arena train/);
  const card = parseCard(WRITTEN, 'arena.json');
  expect(await readCard(nothing, card)).toBe(card);
  expect(await mergedCard(nothing)).toBeUndefined();
  expect(await mergedCard(bytesFolder({ 'arena.json': WRITTEN }))).toBeUndefined();
  const merged = { ...card, merged: true } as const;
  expect(await mergedCard(bytesFolder({ 'arena.json': formatCard(merged) }))).toEqual(merged);
});
