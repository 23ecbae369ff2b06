/** @file Ctrl-C in the middle of training, through the built executable: a checkpoint stays, and --resume gives the same bits. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { QUICK, type Workspace, workspace } from './workspace.js';

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
