/** @file Battles and a tokenizer for tests. */
import type { Battle } from '@arena/data';
import { loadTokenizer, trainBpe } from '@arena/tokenizer';
import fc from 'fast-check';

/** A battle with defaults. */
export function battle(fields: Partial<Battle> = {}): Battle {
  const row = fields.row ?? 0;
  return {
    id: `id${row}`,
    row,
    prompt: [`question ${row}`],
    responseA: ['yes'],
    responseB: ['no'],
    winner: 'a',
    flags: [],
    ...fields,
  };
}

const sentences = Array.from(
  { length: 200 },
  (_, i) => `question ${i} answer yes no why is the river blue? Answer A:\n Q: B: better`,
);

/** A small tokenizer: English words are whole, other scripts are bytes. */
export const tokenizer = loadTokenizer(trainBpe(sentences, { vocabSize: 420 }));

const turn = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    'why is the river blue? '.repeat(20),
    '日本語😀'.repeat(30),
    '<eos><end_of_turn>',
    'answer yes no',
  ),
);

/** Any battle: one to four rounds of any text. */
export const anyBattle: fc.Arbitrary<Battle> = fc
  .tuple(
    fc.array(fc.tuple(turn, turn, turn), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('a' as const, 'b' as const, 'tie' as const, null),
  )
  .map(([rounds, winner]) =>
    battle({
      prompt: rounds.map((r) => r[0]),
      responseA: rounds.map((r) => r[1]),
      responseB: rounds.map((r) => r[2]),
      winner,
    }),
  );
