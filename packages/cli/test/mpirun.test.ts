/** @file `mpirun arena train`: the files of several processes are those of one, and no end of a rank goes unnoticed. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latestCheckpoint } from '@arena/trainer/checkpoint';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Ended, LAUNCHERS, type Launcher, launch, withLaunchers } from '../../../tools/mpi-launchers.js';
import { arena, QUICK, type Workspace, workspace } from './workspace.js';

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const SHARED = [...QUICK, '--batch-size', '2', '--accumulation', '4', '--eval-every', '2', '--save-every', '1'];
const SHORT = [...SHARED, '--max-steps', '5'];
const LONG = [...SHARED, '--max-steps', '40', '--epochs', '8', '--keep', '2'];
const RESULTS = ['adapter/adapter_model.safetensors', 'log.jsonl', 'predictions.jsonl', 'run.json', 'splits.json'];
let w: Workspace;

beforeAll(async () => {
  expect(existsSync(BIN), `${BIN} is missing: build first`).toBe(true);
  w = await workspace();
  if (!LAUNCHERS.length) return;
  for (const [name, flags] of [
    ['short', SHORT],
    ['long', LONG],
  ] as const) {
    const one = await arena('train', ...files(name), ...flags, '--threads', '1');
    expect(one).toMatchObject({ code: 0 });
  }
});
afterAll(() => rmSync(w.folder, { recursive: true }));

const files = (out: string) => ['--base', w.base, '--data', w.data, '--out', w.at(out)];

function start(launcher: Launcher, ranks: number, out: string, flags: string[], more: Record<string, string> = {}) {
  return launch(launcher, ranks, [BIN, 'train', ...files(out), ...flags], more);
}

function expectSame(out: string, as: string) {
  for (const file of RESULTS) {
    expect(readFileSync(join(w.at(out), file)).equals(readFileSync(join(w.at(as), file))), file).toBe(true);
  }
}

/** Process ids of one rank, found by its launcher's variable and a mark of the test's own. */
function processesOf(mark: string, rank: number): number[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const isRank = [`OMPI_COMM_WORLD_RANK=${rank}`, `PMI_RANK=${rank}`].some((one) => variables.includes(one));
      return isRank && variables.includes(`ARENA_TEST_MARK=${mark}`);
    } catch {
      return false; // gone, or somebody else's
    }
  }); // biome-ignore format: a chain
}

/** Starts two ranks and sends rank 1 a signal once the third checkpoint is there. */
async function strike(launcher: Launcher, out: string, signal: NodeJS.Signals): Promise<Ended> {
  const mark = `${out}-${process.pid}`;
  const { ended } = start(launcher, 2, out, LONG, { ARENA_TEST_MARK: mark });
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && !/checkpoint-(?!1$|2$)/.test((await latestCheckpoint(w.at(out))) ?? '')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(over, (await Promise.race([ended, Promise.resolve({ err: '' })])).err).toBe(false);
  const [pid] = processesOf(mark, 1);
  process.kill(pid, signal);
  return ended;
}

describe.each([2, 4])('%i ranks', (ranks) => {
  withLaunchers('leave the bytes of one process', async (launcher) => {
    const out = `${launcher.name.replace(' ', '')}-${ranks}`;
    const { code, out: said, err } = await start(launcher, ranks, out, SHORT).ended;
    expect(err).not.toContain('arena train:');
    expect(code).toBe(0);
    expect(said.match(/battles read/g)).toHaveLength(1); // one of them speaks
    expect(said).toContain(`${ranks} processes (libmpi`);
    expectSame(out, 'short');
  });
});

describe('a rank that does not go on', () => {
  withLaunchers('killed: the run ends, and one process resumes it to the same bytes', async (launcher) => {
    const out = `killed-${launcher.name.replace(' ', '')}`;
    const { code } = await strike(launcher, out, 'SIGKILL');
    expect(code).not.toBe(0);
    expect(await arena('train', ...files(out), ...LONG, '--threads', '1', '--resume')).toMatchObject({ code: 0 });
    expectSame(out, 'long');
  });

  withLaunchers(
    'asked to stop: all stop after a whole step, and two ranks resume to the same bytes',
    async (launcher) => {
      const out = `stopped-${launcher.name.replace(' ', '')}`;
      const { code, out: said, err } = await strike(launcher, out, 'SIGTERM');
      expect(code).not.toBe(0);
      expect(said).toMatch(/stopped after step \d+; saved .*checkpoint-\d+\. The same command with --resume continues/);
      // MPICH's launcher may end before it has passed on the last words of a rank that aborts
      if (launcher.name !== 'MPICH') expect(err).toContain('arena train: rank 1: interrupted by SIGTERM');
      const again = await start(launcher, 2, out, [...LONG, '--resume']).ended;
      expect(again.err).not.toContain('arena train:');
      expect(again.code).toBe(0);
      expectSame(out, 'long');
    },
  );

  withLaunchers('failing: every rank ends, with its message once', async (launcher) => {
    const out = `failed-${launcher.name.replace(' ', '')}`;
    const { code, err } = await start(launcher, 2, out, [...SHORT, '--learning-rate', '1e30', '--warmup', '0']).ended;
    expect(code).not.toBe(0);
    expect(err.match(/arena train: rank \d: step 2, micro-batch \d of 4 \(rows .*\): the loss is NaN/g)).toHaveLength(
      1,
    );
  });
});

withLaunchers('fewer batches a step than ranks are refused', async (launcher) => {
  const { code, err } = await start(launcher, 2, 'idle', [...SHORT, '--accumulation', '1']).ended;
  expect(code).not.toBe(0);
  expect(err).toContain(
    'arena train: --accumulation 1: a step of so few batches leaves some of the 2 processes without work',
  );
  expect(existsSync(w.at('idle'))).toBe(false);
});
