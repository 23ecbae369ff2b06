import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { byteSize } from '../src/flags/arguments.js';
import { expandConfig } from '../src/flags/config-file.js';
import { duration, progress } from '../src/progress.js';

test('a config file stands behind the command line', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'arena-config-')), 'run.json');
  await writeFile(path, JSON.stringify({ rank: 8, data: ['a', 'b'], resume: true, wide: false, 'max-tokens': 100 }));
  expect(expandConfig(['train', '--config', path, '--rank', '4'])).toEqual([
    'train',
    '--data',
    'a',
    'b',
    '--resume',
    '--max-tokens',
    '100',
    '--rank',
    '4',
  ]);
  expect(expandConfig(['train', `--config=${path}`, '--data', 'c'])).toContain('8');
  expect(expandConfig(['train', '--rank', '4'])).toEqual(['train', '--rank', '4']);
});

test('byteSize', () => {
  expect(['6GB', '512MiB', '3000', '1.5 kb'].map(byteSize)).toEqual([6e9, 512 * 2 ** 20, 3000, 1500]);
  for (const bad of ['', 'six', '-1GB', '0']) expect(() => byteSize(bad)).toThrow('a size such as 6GB');
});

test('durations are written for people', () => {
  expect([0.4, 8, 200, 7500, Infinity].map(duration)).toEqual(['0 s', '8 s', '3 min 20 s', '2 h 5 min', '?']);
});

test('progress redraws one line on a terminal, and prints tenths elsewhere', () => {
  let now = 0;
  const written: string[] = [];
  const stream = (isTTY: boolean) =>
    ({ isTTY, columns: 60, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
  for (const terminal of [true, false]) {
    written.length = 0;
    now = 0;
    const bar = progress({ label: 'step', total: 40, unit: 'steps', stream: stream(terminal), now: () => now });
    for (let i = 1; i <= 20; i++) {
      now += 1000;
      bar.update(i, 'loss 0.5');
    }
    bar.finish('done');
    const last = written.at(-2)!;
    if (terminal) {
      expect(written).toHaveLength(22);
      expect(written.slice(0, 20).every((text) => text.startsWith('\r'))).toBe(true);
      expect(written[19]).toContain('step 20/40  1.0 steps/s, 20 s left  loss 0.5');
    } else {
      expect(written).toHaveLength(6);
      expect(last).toBe('step 20/40  1.0 steps/s, 20 s left  loss 0.5\n');
    }
    expect(written.at(-1)).toBe('done\n');
  }
});
