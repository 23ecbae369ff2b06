/** @file One bad input for each code of a JudgeError; the CLI's tests have a training that runs away. */
import { bytesFolder } from '@arena/files';
import { completeSettings, JudgeError, readVotes } from '@arena/judge';
import { parseCard } from '@arena/judge/card';
import { openTokenizer } from '@arena/judge/run';
import { checkSettings } from '@arena/judge/settings';
import { expect, test } from 'vitest';

test.each<[JudgeError['code'], () => unknown]>([
  ['settings', () => checkSettings(completeSettings({ base: 'b', data: ['v'], patience: 2 }))],
  [
    'votes',
    () => readVotes(new Blob(['{"prompt":"a","response_a":"b","response_b":"c","winner":"model_a"}\n']), { name: 'v' }),
  ],
  ['base', () => openTokenizer(bytesFolder({}))],
  ['card', () => parseCard('{}', 'arena.json')],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(JudgeError);
  expect(error).toMatchObject({ name: 'JudgeError', code });
});
