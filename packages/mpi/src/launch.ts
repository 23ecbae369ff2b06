/** @file Rank and size of this process from the environment, without MPI. */

/** This process within its launch. */
export interface Launch {
  rank: number;
  size: number;
  /** Launcher that set the variables. */
  by: 'Open MPI' | 'PMI' | 'Slurm';
}

/**
 * Rank and size as mpirun (Open MPI: OMPI_COMM_WORLD_*), Hydra (MPICH, Intel MPI: PMI_*) or srun (SLURM_PROCID,
 * SLURM_STEP_NUM_TASKS) set them. Null for a single process. A Slurm batch script without srun is a single process: it
 * has SLURM_NTASKS, but no step.
 * @throws Error when the variables are not a rank below a size.
 */
export function launchOf(env: Record<string, string | undefined>): Launch | null {
  const places = [
    ['Open MPI', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'],
    ['PMI', 'PMI_RANK', 'PMI_SIZE'],
    ['Slurm', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS'],
  ] as const;
  for (const [by, rankName, sizeName] of places) {
    if (env[rankName] === undefined || env[sizeName] === undefined) continue;
    const [rank, size] = [Number(env[rankName]), Number(env[sizeName])];
    if (!Number.isInteger(rank) || !Number.isInteger(size) || rank < 0 || rank >= size) {
      throw new Error(
        `${rankName}=${env[rankName]}, ${sizeName}=${env[sizeName]}: a rank from 0 to size - 1 is expected`,
      );
    }
    return { rank, size, by };
  }
  return null;
}
