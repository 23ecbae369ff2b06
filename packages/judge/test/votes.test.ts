/** @file Votes: what is kept, what is left out and why, and what cannot be trained on. */
import { syntheticBattles } from '@arena/data';
import { readVotes } from '@arena/judge';
import { checkLabels } from '@arena/judge/settings';
import { describeDrops, splitVotes, streamVotes } from '@arena/judge/votes';
import { expect, test } from 'vitest';

const row = (id: number, winner: string, more: object = {}) => ({
  id,
  prompt: `question ${id}`,
  response_a: `yes ${id}`,
  response_b: `no ${id}`,
  winner,
  ...more,
});
const file = (...rows: object[]) => new Blob([rows.map((one) => `${JSON.stringify(one)}\n`).join('')]);
const name = 'votes.jsonl';

test('ties are kept when asked for; what is left out is counted', async () => {
  const rows = [row(1, 'model_a'), row(2, 'model_b'), row(3, 'tie'), row(4, 'model_a', { response_b: 'yes 4' })];
  const without = await readVotes(file(...rows), { name });
  expect(without.battles.map(({ id }) => id)).toEqual(['1', '2']);
  expect(describeDrops(without)).toBe('1 ties, 1 with identical answers');
  const ids: string[] = [];
  const seen: string[] = [];
  const { clean } = await streamVotes(file(...rows), async ({ id }) => void ids.push(id), {
    name,
    ties: true,
    clean: { identical: 'keep' },
    seen: ({ id }) => void seen.push(id),
  });
  expect(ids).toEqual(['1', '2', '3', '4']);
  expect(seen).toEqual(ids);
  expect(clean.dropped).toEqual({});
});

test('a teacher stands for a vote only when soft labels are wanted', async () => {
  const teacher = { soft_label: [0.5, 0.5] };
  const rows = [row(1, 'model_a', teacher), row(2, 'model_b', teacher), row(3, '', { ...teacher, winner: undefined })];
  const count = async (softLabels: boolean) => (await readVotes(file(...rows), { name, softLabels })).battles.length;
  expect([await count(false), await count(true)]).toEqual([2, 3]);
});

test('one side that always wins, nothing that is left, and a record that is no battle are told', async () => {
  await expect(readVotes(file(row(1, 'model_a')), { name })).rejects.toThrow(
    "votes.jsonl: 'a' wins all 1 battles; a model needs votes for both sides to learn from",
  );
  await expect(readVotes(file(row(1, 'tie')), { name })).rejects.toThrow(
    'votes.jsonl: no battle with a vote is left (1 ties)',
  );
  const broken = file(row(1, 'model_a'), row(2, 'model_b'), { ...row(3, 'model_a'), prompt: null });
  const { rejected, battles } = await readVotes(broken, { name });
  expect([Object.values(rejected), battles.length]).toEqual([[1], 2]);
  await expect(readVotes(broken, { name, clean: { unreadable: 'stop' } })).rejects.toThrow(
    /row 2: no battle \(.*\); `clean` unreadable=skip skips it/,
  );
});

test('the first of each reason is shown, with its row, however many came before', async () => {
  const many = Array.from({ length: 12 }, (_, i) => ({ ...row(i + 1, 'model_a'), prompt: null }));
  const data = file(...many, row(20, 'model_a'), row(21, 'model_b'), row(22, 'left'));
  const said = describeDrops(await readVotes(data, { name }));
  expect(said).toMatch(/12 unreadable \(empty_prompt, row 0 first: the prompt is empty\)/);
  expect(said).toMatch(/1 unreadable \(bad_winner, row 14 first: winner is "left"\)/);
});

test('a split of too few battles, and labels that are not there, are told', () => {
  const battles = syntheticBattles({ count: 200, seed: 3 });
  const parts = splitVotes(battles, { seed: 42 });
  expect(parts.train.length + parts.validation.length + parts.test.length).toBe(battles.length);
  expect(() => splitVotes(battles.slice(0, 1), { seed: 42 })).toThrow('1 battles in 1 groups are too few');
  const decided = battles.filter(({ winner }) => winner !== 'tie');
  const data = ['votes.jsonl'];
  expect(() => checkLabels(decided, { data, softLabels: 0 }, { knowsTies: true })).toThrow(
    'votes.jsonl: there is no tie to learn from; `classes` 3 needs them',
  );
  expect(() => checkLabels(decided, { data, softLabels: 0.5 }, { knowsTies: false })).toThrow(
    'no battle has a soft_label or teacher_logits column that `softLabels` could use',
  );
  checkLabels(decided, { data, softLabels: 0 }, { knowsTies: false });
});
