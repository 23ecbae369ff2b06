/**
 * @file Runs the code of docs/guide/python.md, so that the page cannot go stale:
 *   node tools/interop/python-page.mjs --python PYTHON [--vllm PYTHON] [--onnx PYTHON] [--work DIR]
 * `npx -y pnpm@10.34.8 build` first. PYTHON has torch, transformers, peft, trl and datasets; --vllm one with vllm; --onnx one with onnx,
 * onnxruntime and transformers. A section without its Python is left out and said so. A JSON line a check; exit 1 when one fails.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    vllm: { type: 'string' },
    onnx: { type: 'string' },
    work: { type: 'string' },
  },
});
if (!flags.python) throw new Error('--python: a Python with torch, transformers, peft, trl and datasets');
const PYTHONS = { PEFT: flags.python, TRL: flags.python, vLLM: flags.vllm, ONNX: flags.onnx };
/** Sections whose blocks run before those of a section. */
const BEFORE = { PEFT: ['Packing'], TRL: ['Packing', 'PEFT'], vLLM: ['Packing'], ONNX: ['Packing'] };
const VOTES = 24;

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'arena-page-'));
const arena = (...args) =>
  execFileSync(process.execPath, [join(root, 'packages/cli/dist/bin.js'), ...args], {
    cwd: work,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

try {
  const page = readFileSync(join(root, 'docs/guide/python.md'), 'utf8');
  const want = prepare(page);
  for (const [section, python] of Object.entries(PYTHONS)) {
    if (python) check(page, section, resolve(python), want);
    else say({ section, passed: true, note: 'not run: no Python was given for it' });
  }
} finally {
  if (!flags.work) rmSync(work, { recursive: true, force: true });
}

/** The files that the page speaks of, by its own commands, and what Arena says of some votes. */
function prepare(page) {
  const commands = [...page.matchAll(/^arena (.*)$/gm), ...page.matchAll(/`arena (export [^`]*)`/g)].map(
    ([, rest]) => rest,
  );
  for (const command of commands) {
    const isTraining = command.startsWith('train');
    arena(...command.split(' '), ...(isTraining ? ['--learning-rate', '2e-3', '--first-layer', '0'] : []));
  }
  const votes = readFileSync(join(work, 'demo/battles.jsonl'), 'utf8').split('\n').slice(0, VOTES);
  writeFileSync(join(work, 'demo/some.jsonl'), `${votes.join('\n')}\n`);
  const says = (adapter) =>
    arena('predict', '--raw', '--base', 'demo/base', '--adapter', adapter, '--data', 'demo/some.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return {
    classes: says('demo/judge').map(({ probabilities }) => probabilities),
    rewards: says('demo/reward').map(({ rewards }) => rewards),
  };
}

/** Python blocks under a heading. */
function blocksOf(page, heading) {
  const body = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  return [...body.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
}

function check(page, section, python, want) {
  const blocks = [...BEFORE[section], section].flatMap((heading) => blocksOf(page, heading));
  const script = fileURLToPath(new URL('python-page.py', import.meta.url));
  const { stdout, stderr, status } = spawnSync(python, [script, section], {
    cwd: work,
    encoding: 'utf8',
    input: JSON.stringify({ blocks, want }),
    env: { ...process.env, VLLM_CPU_KVCACHE_SPACE: '1' },
    maxBuffer: 2 ** 28,
  });
  const last = stdout.trim().split('\n').at(-1);
  if (status !== 0 || !last.startsWith('{')) {
    console.error(stderr.split('\n').slice(-30).join('\n'));
    return fail({ section, error: `python ended with ${status}` });
  }
  const { versions, checks } = JSON.parse(last);
  say({ section, versions });
  for (const [what, [difference, bound]] of Object.entries(checks)) {
    const line = { section, what, difference, bound, passed: difference <= bound };
    if (line.passed) say(line);
    else fail(line);
  }
}

function fail(line) {
  say({ ...line, passed: false });
  process.exitCode = 1;
}

function say(line) {
  console.log(JSON.stringify(line));
}
