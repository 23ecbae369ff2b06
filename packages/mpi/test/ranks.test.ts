import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joinMpi, launchOf } from '@arena/mpi';
import { beforeAll, describe, expect, test } from 'vitest';
import { LAUNCHERS, launch, withLaunchers } from '../../../tools/mpi-launchers.js';

const RANKS = fileURLToPath(new URL('ranks.mjs', import.meta.url));

beforeAll(() =>
  expect(existsSync(fileURLToPath(new URL('../dist/index.js', import.meta.url))), 'build first').toBe(true),
);

describe('exchanges', () => {
  withLaunchers('every rank gets what the others gave, and its event loop lives', async (launcher) => {
    const { code, out, err } = await launch(launcher, 3, [RANKS, mkdtempSync(join(tmpdir(), 'arena-mpi-'))]).ended;
    expect(err).toBe('');
    expect(code).toBe(0);
    const said = out.trim().split('\n').map((line) => JSON.parse(line)).sort((a, b) => a.rank - b.rank); // biome-ignore format: a chain
    const library = launcher.name === 'MPICH' ? 'libmpich.so.12' : 'libmpi.so.40';
    const good = { size: 3, library, allToAll: true, allGather: true, broadcast: true };
    expect(said).toEqual([0, 1, 2].map((rank) => ({ rank, ...good })));
  });

  withLaunchers('a rank that dies ends the others', async (launcher) => {
    const dies = `import(${JSON.stringify(RANKS.replace('test/ranks.mjs', 'dist/index.js'))}).then(async ({ joinMpi }) => {
      const ranks = await joinMpi();
      if (ranks.rank === 1) process.kill(process.pid, 'SIGKILL');
      await ranks.allGather(new Uint8Array(8));
    })`;
    const { code } = await launch(launcher, 2, ['--eval', dies]).ended;
    expect(code).not.toBe(0);
  });

  const mpich = LAUNCHERS.find(({ name }) => name === 'MPICH');
  test.skipIf(LAUNCHERS.length < 2)('the library of another MPI is noticed', { timeout: 60_000 }, async () => {
    const { code, err } = await launch(mpich!, 2, [RANKS], { ARENA_MPI_LIBRARY: 'libmpi.so.40' }).ended;
    expect(code).not.toBe(0);
    expect(err).toMatch(/PMI launched rank \d of 2, but libmpi\.so\.40 sees 1 rank: it is the library of another MPI/);
  });
});

describe('the environment', () => {
  test.each([
    [
      { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4' },
      { rank: 1, size: 4, by: 'Open MPI' },
    ],
    [
      { PMI_RANK: '0', PMI_SIZE: '2', SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '2' },
      { rank: 0, size: 2, by: 'PMI' },
    ],
    [
      { SLURM_PROCID: '3', SLURM_STEP_NUM_TASKS: '4', SLURM_NTASKS: '8' },
      { rank: 3, size: 4, by: 'Slurm' },
    ],
    [{ SLURM_PROCID: '0', SLURM_NTASKS: '8' }, null], // a batch script, not a step
    [{}, null],
  ])('%o', (env, expected) => expect(launchOf(env)).toEqual(expected));

  test('a process that stands alone needs no MPI', async () => {
    expect(await joinMpi({})).toBeNull();
    expect(await joinMpi({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' })).toBeNull();
  });

  test('nonsense and a library that is not there are refused', async () => {
    expect(() => launchOf({ PMI_RANK: '2', PMI_SIZE: '2' })).toThrow(
      'PMI_RANK=2, PMI_SIZE=2: a rank from 0 to size - 1',
    );
    const env = { PMI_RANK: '0', PMI_SIZE: '2', ARENA_MPI_LIBRARY: 'libnothing.so.7' };
    await expect(joinMpi(env)).rejects.toThrow(
      /no MPI library can be opened \(.*libnothing.*\); install Open MPI or MPICH/,
    );
  });
});
