import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { byteSize, integer } from '../src/flags/arguments.js';
import { addOpposites, expandConfig } from '../src/flags/config-file.js';
import { duration, progress } from '../src/progress.js';

/** A command with each kind of flag. */
function commandOf(): Command {
  const command = new Command('train')
    .option('--rank <n>', 'a number', integer(1))
    .option('--data <file...>', 'files')
    .option('--targets <list>', 'modules')
    .option('--dashboard [port]', 'a port', integer(0))
    .option('--resume', 'a switch', false)
    .option('--wide', 'another')
    .option('--max-tokens <n>', 'a number')
    .option('--no-double-quant', 'a switch that is on')
    .option('--quantize <how>', 'nf4')
    .option('--no-quantize', 'none')
    .argument('[run...]');
  addOpposites(command);
  return command.exitOverride();
}

/** What a command makes of a configuration and a command line. */
async function parsed(config: unknown, ...argv: string[]) {
  const path = join(await mkdtemp(join(tmpdir(), 'arena-config-')), 'run.json');
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config));
  const command = commandOf();
  const words = expandConfig(['train', '--config', path, ...argv], command);
  command.parse(words.slice(1), { from: 'user' });
  return { ...command.opts(), runs: command.args };
}

test('a config file stands behind the command line', async () => {
  const config = { rank: 8, data: ['a', 'b'], resume: true, wide: false, 'max-tokens': 100 };
  const all = { rank: 8, data: ['a', 'b'], resume: true, maxTokens: '100', doubleQuant: true, runs: [] };
  expect(await parsed(config)).toMatchObject(all);
  expect(await parsed(config, '--rank', '4', '--data', 'c')).toMatchObject({ ...all, rank: 4, data: ['c'] });
  expect(expandConfig(['train', '--rank', '4'], commandOf())).toEqual(['train', '--rank', '4']);
});

test('a list that is last takes no arguments of the command line', async () => {
  expect(await parsed({ rank: 2, data: ['a', 'b'] }, 'run-1', 'run-2')).toMatchObject({
    data: ['a', 'b'],
    runs: ['run-1', 'run-2'],
  });
  expect(await parsed({ data: '-x', targets: ['q_proj', 'v_proj'] })).toMatchObject({
    data: ['-x'],
    targets: 'q_proj,v_proj',
  });
});

test.each<[Record<string, unknown>, string[], object]>([
  [{ 'double-quant': false }, [], { doubleQuant: false }],
  [{ 'double-quant': true }, [], { doubleQuant: true }],
  [{ 'no-double-quant': true }, [], { doubleQuant: false }],
  [{ 'no-double-quant': false }, [], { doubleQuant: true }],
  [{ 'no-double-quant': true }, ['--double-quant'], { doubleQuant: true }],
  [{ quantize: false }, [], { quantize: false }],
  [{ quantize: 'nf4' }, ['--no-quantize'], { quantize: false }],
  [{ resume: true }, ['--no-resume'], { resume: false }],
  [{ resume: false }, ['--resume'], { resume: true }],
  [{ wide: null }, [], { resume: false }],
  [{ dashboard: true }, [], { dashboard: true }],
  [{ dashboard: 8080 }, [], { dashboard: 8080 }],
])('switches: %j %j', async (config, argv, want) => {
  expect(await parsed(config, ...argv)).toMatchObject(want);
});

test.each<[unknown, RegExp]>([
  [{ rnak: 4 }, /run\.json: 'rnak' is no flag of arena train; rank is one$/],
  [{ wyde: false }, /'wyde' is no flag of arena train; wide is one$/],
  [{ something: null }, /'something' is no flag .*--help$/],
  [{ maxTokens: 4, max_tokens: 4 }, /'maxTokens' is no flag of arena train; max-tokens is one$/],
  [{ rank: 'x' }, /run\.json: 'rank' is "x"; a whole number from 1 is expected$/],
  [{ rank: false }, /'rank' is false; a value is expected/],
  [{ rank: [1, 2] }, /'rank' is \[1,2\]; one value is expected/],
  [{ rank: { r: 4 } }, /'rank' is {"r":4}; a string, number/],
  [{ resume: 'yes' }, /'resume' is "yes"; true or false is expected/],
  [{ rank: 'x'.repeat(1e5) }, /^.{0,300}$/],
  [[], /a JSON object of flag names is expected/],
  ['{"rank":\n 1\n', /run\.json: is not JSON/],
  ['', /run\.json: is empty, JSON is expected/],
])('refused, by file and key: %j', async (config, message) => {
  await expect(parsed(config)).rejects.toThrow(message);
});

test('a byte order mark is no part of it', async () => {
  expect(await parsed('\ufeff{"rank": 3}')).toMatchObject({ rank: 3 });
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
