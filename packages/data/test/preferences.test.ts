/** @file Preference sets without an order of A and B: chosen and rejected in their public spellings, and ranked answers. */
import { existsSync } from 'node:fs';
import type { Battle } from '@arena/data';
import type { ReadRow } from '@arena/data/read';
import { describe, expect, test } from 'vitest';
import { rowsOf, rowsOfRecords } from './rows.js';

const read = (...records: object[]) => rowsOfRecords(records);

/** The battle as people judged it, whatever side the hash drew. */
function preferred({ battle }: ReadRow): { prompt: string[]; chosen: string[]; rejected: string[] } {
  const { prompt, responseA, responseB, winner } = battle!;
  const [chosen, rejected] = winner === 'a' ? [responseA, responseB] : [responseB, responseA];
  return { prompt, chosen, rejected };
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

const ONE_TURN = { prompt: ['Why is the sky blue?'], chosen: ['Rayleigh.'], rejected: ['Because.'] };
const TWO_TURNS = {
  prompt: ['Hello', 'Why is the sky blue?'],
  chosen: ['Hi!', 'Rayleigh.'],
  rejected: ['Hi!', 'Because.'],
};
const [hello, why] = TWO_TURNS.prompt;
const talk = [user(hello), assistant('Hi!'), user(why)];
const share = [
  { from: 'human', value: hello },
  { from: 'gpt', value: 'Hi!' },
  { from: 'human', value: why },
];
const transcript = '\n\nHuman: Hello\n\nAssistant: Hi!\n\nHuman: Why is the sky blue?\n\nAssistant:';

describe('chosen and rejected', () => {
  test.each<[string, object, object]>([
    ['texts with a prompt', { prompt: why, chosen: 'Rayleigh.', rejected: 'Because.' }, ONE_TURN],
    ['a question', { question: why, chosen: 'Rayleigh.', rejected: 'Because.' }, ONE_TURN],
    [
      'an instruction with its input',
      { instruction: 'Why is', input: 'the sky blue?', chosen: 'Rayleigh.', rejected: 'Because.' },
      { ...ONE_TURN, prompt: ['Why is\nthe sky blue?'] },
    ],
    [
      'a system prompt leads the first turn',
      { system: 'Be brief.', question: why, chosen: 'Rayleigh.', rejected: 'Because.' },
      { ...ONE_TURN, prompt: [`Be brief.\n\n${why}`] },
    ],
    [
      'messages of the answers alone',
      { prompt: [user(why)], chosen: [assistant('Rayleigh.')], rejected: [assistant('Because.')] },
      ONE_TURN,
    ],
    [
      'whole conversations beside the prompt as a text',
      { prompt: why, chosen: [user(why), assistant('Rayleigh.')], rejected: [user(why), assistant('Because.')] },
      ONE_TURN,
    ],
    [
      'whole conversations without a prompt',
      { chosen: [...talk, assistant('Rayleigh.')], rejected: [...talk, assistant('Because.')] },
      TWO_TURNS,
    ],
    [
      'messages as JSON in a text',
      {
        chosen: JSON.stringify([...talk, assistant('Rayleigh.')]),
        rejected: JSON.stringify([...talk, assistant('Because.')]),
      },
      TWO_TURNS,
    ],
    [
      'messages, and an answer each',
      { messages: talk, chosen: 'Rayleigh.', rejected: assistant('Because.') },
      TWO_TURNS,
    ],
    [
      "ShareGPT's conversations",
      {
        conversations: share,
        chosen: { from: 'gpt', value: 'Rayleigh.' },
        rejected: { from: 'gpt', value: 'Because.' },
      },
      TWO_TURNS,
    ],
    ['transcripts', { chosen: `${transcript} Rayleigh.`, rejected: `${transcript} Because.` }, TWO_TURNS],
    ['a transcript as the prompt', { prompt: transcript, chosen: 'Rayleigh.', rejected: 'Because.' }, TWO_TURNS],
  ])('%s', async (_, record, expected) => {
    const [row] = await read(record);
    expect(preferred(row)).toEqual(expected);
  });

  test('the side is drawn from the texts: the same for either vote, and about half each', async () => {
    const records = Array.from({ length: 400 }, (_, i) => ({ prompt: `p${i}`, chosen: `x${i}`, rejected: `y${i}` }));
    const sides = (await read(...records)).map(({ battle }) => battle!);
    const exchanged = await read(
      ...records.map(({ prompt, chosen, rejected }) => ({ prompt, chosen: rejected, rejected: chosen })),
    );
    for (const [i, { battle }] of exchanged.entries()) {
      expect([battle!.responseA, battle!.responseB]).toEqual([sides[i].responseA, sides[i].responseB]);
      expect(battle!.winner).not.toBe(sides[i].winner);
    }
    const wins = sides.filter(({ winner }) => winner === 'a').length;
    // four standard deviations of 400 draws are 40
    expect(Math.abs(wins - 200)).toBeLessThan(40);
  });

  test('a mark within a text does not make a turn of its own', async () => {
    const [row] = await read({
      chosen: '\n\nHuman: q\n\nAssistant: one\n\nAssistant: two',
      rejected: '\n\nHuman: q\n\nAssistant: three',
    });
    expect(preferred(row)).toEqual({ prompt: ['q'], chosen: ['one\n\ntwo'], rejected: ['three'] });
    expect(row.battle!.flags).toEqual(['roles_joined']);
  });

  test.each<[string, object, string, RegExp]>([
    [
      'other questions',
      { chosen: [user('p'), assistant('x')], rejected: [user('q'), assistant('y')] },
      'prompt_mismatch',
      /turn 0 is "p" and "q"/,
    ],
    ['an empty list', { prompt: 'p', chosen: [], rejected: [assistant('y')] }, 'no_turns', /chosen is an empty list/],
    [
      'roles out of order',
      { prompt: 'p', chosen: [assistant('x'), user('q')], rejected: [assistant('y')] },
      'bad_roles',
      /"user", "assistant", "user"/,
    ],
    [
      'two system prompts',
      {
        messages: [{ role: 'system', content: 's' }, { role: 'system', content: 't' }, user('p')],
        chosen: 'x',
        rejected: 'y',
      },
      'bad_roles',
      /2 system messages/,
    ],
    [
      'an unknown role',
      { prompt: [{ role: 'narrator', content: 'p' }], chosen: 'x', rejected: 'y' },
      'bad_roles',
      /narrator/,
    ],
    ['no prompt', { chosen: 'x', rejected: 'y' }, 'empty_prompt', /column prompt is expected/],
    [
      "Python's list",
      { prompt: 'p', chosen: "[{'role': 'assistant', 'content': 'x'}]", rejected: 'y' },
      'bad_json',
      /as Python prints it.*json\.dumps/,
    ],
  ])('%s: counted, with its row', async (_, record, reason, detail) => {
    const rows = await read({ prompt: 'fine', chosen: 'x', rejected: 'y' }, record);
    expect(rows[0].battle).toBeDefined();
    expect(rows[1].rejected).toMatchObject({ row: 1, reason, detail: expect.stringMatching(detail) });
  });

  test('the same answer twice is flagged', async () => {
    const [row] = await read({ prompt: 'p', chosen: 'x', rejected: 'x' });
    expect(row.battle!.flags).toContain('identical');
  });
});

describe('two whole conversations', () => {
  test('messages_a and messages_b, with a vote', async () => {
    const a = [{ role: 'system', content: 'Be brief.' }, ...talk, assistant('x')];
    const b = [{ role: 'system', content: 'Be brief.' }, ...talk, assistant('y')];
    const [row] = await read({ messages_a: a, messages_b: b, winner: 'model_b' });
    expect(row.battle).toMatchObject({
      prompt: ['Be brief.\n\nHello', why],
      responseA: ['Hi!', 'x'],
      responseB: ['Hi!', 'y'],
      winner: 'b',
    });
  });
});

describe('scores and ranks', () => {
  const pair = { prompt: 'p', response_a: 'x', response_b: 'y' };
  test('scores of two answers', async () => {
    const scores = [
      [1, 2],
      ['0.5', -3],
      [4, 4],
      [null, null],
    ];
    const rows = await read(...scores.map(([score_a, score_b]) => ({ ...pair, score_a, score_b })));
    expect(rows.map(({ battle }) => battle?.winner)).toEqual(['b', 'a', 'tie', null]);
    const [bad] = await read({ ...pair, score_a: 'good', score_b: 1 });
    expect(bad.rejected).toMatchObject({ reason: 'bad_winner', detail: 'a score is "good"; a number is expected' });
  });

  /** [better, worse] of each pair, or both of a tie in alphabetical order. */
  const order = (battles: (Battle | undefined)[]) =>
    battles.map((battle) => {
      const [a, b] = [battle!.responseA[0], battle!.responseB[0]];
      return battle!.winner === 'tie'
        ? `${[a, b].sort().join('=')}`
        : battle!.winner === 'a'
          ? `${a}>${b}`
          : `${b}>${a}`;
    });

  test.each<[string, object]>([
    ['ranks beside responses', { responses: ['x', 'y', 'z'], ranks: [2, 1, 2] }],
    ['scores beside completions', { completions: ['x', 'y', 'z'], scores: [0.5, 0.9, 0.5] }],
    [
      'ranks within answers',
      {
        answers: [
          { answer: 'x', rank: 2 },
          { answer: 'y', rank: 1, model: 'm' },
          { answer: 'z', rank: 2 },
        ],
      },
    ],
    [
      'scores within completions',
      {
        completions: [
          { response: 'x', overall_score: 5 },
          { response: 'y', overall_score: 9 },
          { response: 'z', overall_score: 5 },
        ],
      },
    ],
    ['lists as JSON in texts', { responses: '["x", "y", "z"]', scores: '[1, 2, 1]' }],
  ])('%s: all pairs, which weigh one vote together', async (_, record) => {
    const rows = await read({ id: 'q', prompt: 'p', ...record, weight: 1.5 });
    expect(order(rows.map(({ battle }) => battle))).toEqual(['y>x', 'x=z', 'y>z']);
    expect(rows.map(({ battle }) => battle!.id)).toEqual(['q:0-1', 'q:0-2', 'q:1-2']);
    expect(rows.map(({ battle }) => battle!.weight)).toEqual([0.5, 0.5, 0.5]);
    expect(rows.map(({ battle }) => battle!.row)).toEqual([0, 0, 0]);
  });

  test.each<[string, object, RegExp]>([
    ['one answer', { responses: ['x'], ranks: [1] }, /1 answers; two or more/],
    ['too few ranks', { responses: ['x', 'y'], ranks: [1] }, /a number for each of 2 answers/],
    ['no list', { responses: 'x', ranks: [1] }, /a list of answers is expected/],
  ])('%s', async (_, record, detail) => {
    const [row] = await read({ prompt: 'p', ...record });
    expect(row.rejected?.detail).toMatch(detail);
  });
});

const harmless = new URL('../../../../shared/data/hh-harmless-test.jsonl.gz', import.meta.url);
test.skipIf(!existsSync(harmless))('HH-RLHF, whole', async () => {
  const rows = await rowsOf(harmless);
  expect(rows.filter(({ rejected }) => rejected)).toEqual([]);
  // counts by Python: re.split(r'\n\n(Human|Assistant):', text) of both transcripts
  expect(rows.length).toBe(2312);
  expect(rows.filter(({ battle }) => battle!.flags.includes('roles_joined')).length).toBe(9);
  const longer = rows.filter((row) => {
    const { chosen, rejected } = preferred(row);
    return chosen.join('').length > rejected.join('').length;
  });
  // "longer wins" is 0.445 of the pairs of unequal length (docs/benchmarks/real-votes.md)
  expect(longer.length / rows.length).toBeCloseTo(0.445, 2);
});
