/** @file Ctrl-C in the middle of training, through the built executable: a checkpoint stays, and --resume gives the same bits. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { ignoreInterrupts, onInterrupt } from '../src/interrupt.js';
import { QUICK, type Workspace, workspace } from './workspace.js';

vi.mock('node:tty', async (original) => ({ ...(await original<object>()), isatty: vi.fn() }));

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const LONG = [...QUICK, '--max-steps', '80', '--epochs', '8', '--threads', '1'];
let w: Workspace;

beforeAll(async () => {
  expect(existsSync(BIN), `${BIN} is missing: build first`).toBe(true);
  w = await workspace();
});

type Ended = { code: number | null; out: string; err: string };

/** Trains; `afterSteps` interrupts it once so many steps are logged. */
function run(out: string, more: string[] = [], afterSteps = Infinity): Promise<Ended> {
  return start(['train', '--base', w.base, '--data', w.data, ...LONG, ...more], out, afterSteps);
}

/** Runs the executable. */
function start(argv: string[], out: string, afterSteps: number): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...argv, '--out', out]);
  let [stdout, stderr, sent] = ['', '', false];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const log = join(out, 'log.jsonl');
  const watch = setInterval(() => {
    if (sent || !existsSync(log) || readFileSync(log, 'utf8').split('\n').length <= afterSteps) return;
    sent = true;
    child.kill('SIGINT');
  }, 5);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, out: stdout, err: stderr });
    });
  });
}

test('an interrupted run stops with a checkpoint and goes on to the same bits', { timeout: 120_000 }, async () => {
  const whole = await run(w.at('whole'));
  expect(whole.code).toBe(0);

  const cut = await run(w.at('cut'), [], 2);
  expect(cut.code).toBe(130);
  expect(cut.err.trim().split('\n').at(-1)).toBe('arena train: interrupted by SIGINT');
  expect(cut.out).toMatch(/stopped after step \d+; saved .*checkpoint-\d+\. The same command with --resume/);
  const left = await readdir(w.at('cut'));
  expect(left.filter((name) => /tmp|old/.test(name))).toEqual([]);
  expect(left).toContain('log.jsonl');
  expect(left).not.toContain('adapter');

  const resumed = await run(w.at('cut'), ['--resume']);
  expect(resumed.code).toBe(0);
  for (const file of ['adapter/adapter_model.safetensors', 'log.jsonl', 'predictions.jsonl']) {
    expect(readFileSync(join(w.at('cut'), file)).equals(readFileSync(join(w.at('whole'), file))), file).toBe(true);
  }
});

test('an interrupted quickstart promises nothing', { timeout: 120_000 }, async () => {
  const { code, out, err } = await start(['quickstart', '--threads', '1'], w.at('quick'), 2);
  expect({ code, last: err.trim().split('\n').at(-1) }).toEqual({
    code: 130,
    last: 'arena quickstart: interrupted by SIGINT',
  });
  expect(out).not.toContain('--resume');
  expect((await readdir(w.at('quick'))).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
});

/** Trains with its output going where `how` leads it; `act` runs once two steps are logged. */
async function trainWith(out: string, stdio: StdioOptions, act: (child: ChildProcess) => void): Promise<number | null> {
  const argv = ['train', '--base', w.base, '--data', w.data, ...LONG, '--out', out];
  const child = spawn(process.execPath, [BIN, ...argv], { stdio });
  const log = join(out, 'log.jsonl');
  let acted = false;
  const watch = setInterval(() => {
    if (acted || !existsSync(log) || readFileSync(log, 'utf8').split('\n').length <= 2) return;
    acted = true;
    act(child);
  }, 5);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  expect(acted).toBe(true);
  return code;
}

test('a run goes on without its reader, without its terminal, and with a full disk behind its output', {
  timeout: 180_000,
}, async () => {
  const gone: [string, StdioOptions, (child: ChildProcess) => void][] = [
    ['stdout', ['ignore', 'pipe', 'pipe'], (child) => child.stdout!.destroy()],
    ['stderr', ['ignore', 'pipe', 'pipe'], (child) => child.stderr!.destroy()],
    ['hup', ['ignore', 'pipe', 'pipe'], (child) => child.kill('SIGHUP')], // as under nohup: no terminal is its own
  ];
  if (existsSync('/dev/full')) gone.push(['full', ['ignore', openSync('/dev/full', 'w'), 'pipe'], () => {}]);
  for (const [name, stdio, act] of gone) {
    let said = '';
    const code = await trainWith(w.at(name), stdio, (child) => {
      child.stderr!.on('data', (text) => (said += text));
      act(child);
    });
    expect({ name, code }).toEqual({ name, code: 0 });
    for (const file of ['adapter/adapter_model.safetensors', 'log.jsonl', 'predictions.jsonl']) {
      expect(readFileSync(join(w.at(name), file)).equals(readFileSync(join(w.at('whole'), file))), file).toBe(true);
    }
    expect(said).not.toMatch(/Error|\n +at /);
  }
});

test('prepare goes on without its reader, and leaves no temporary folder', { timeout: 60_000 }, async () => {
  const argv = ['prepare', '--data', w.data, '--tokenizer', w.base, '--out', w.at('prepared')];
  const child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  const names = await readdir(w.folder);
  expect(names).toContain('prepared');
  expect(names.filter((name) => name.includes('.tmp'))).toEqual([]);
});

test.skipIf(!existsSync('/dev/full'))(
  'a command that only prints says that a full device has no room',
  { timeout: 60_000 },
  async () => {
    const argv = [
      'predict',
      '--base',
      w.base,
      '--adapter',
      w.at('whole/adapter'),
      '--prompt',
      'p',
      '--a',
      'a',
      '--b',
      'b',
    ];
    const child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
    let err = '';
    child.stderr!.on('data', (text) => (err += text));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, err }).toEqual({ code: 1, err: 'arena: the output cannot be written (ENOSPC)\n' });
  },
);

test('a terminal that closes stops the work like Ctrl-C, once', async () => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => {
    ignoreInterrupts();
    stderr.mockRestore();
  });
  vi.mocked(isatty).mockImplementation((fd) => fd === 2);
  const signal = onInterrupt();
  vi.mocked(isatty).mockReturnValue(false); // it is gone when the signal comes
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGHUP', 'SIGHUP'); // of the shell
  expect(signal.reason).toMatchObject({ name: 'Interrupted', message: 'interrupted by SIGHUP' });
  ignoreInterrupts();
  const other = onInterrupt(); // nohup: nothing is a terminal
  process.emit('SIGHUP', 'SIGHUP');
  expect(other.aborted).toBe(false);
});

test('a reader that has enough ends the command without a word', { timeout: 60_000 }, async () => {
  await run(w.at('short'), ['--max-steps', '1']);
  const child = spawn(process.execPath, [
    BIN,
    ...['predict', '--base', w.base, '--adapter', w.at('short/adapter'), '--data', w.data],
  ]);
  child.stdout.destroy(); // before it writes anything
  let err = '';
  child.stderr.on('data', (text) => {
    err += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, err }).toEqual({ code: 141, err: '' }); // as SIGPIPE ends other programs
});
