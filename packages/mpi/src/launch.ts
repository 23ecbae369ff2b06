/** @file Who launched this process: rank and size from the environment, before MPI is asked. */

/** This process among those that were launched together. */
export interface Launch {
  rank: number;
  size: number;
  /** Whose variables said so. */
  by: 'Open MPI' | 'PMI' | 'Slurm';
}

/**
 * Rank and size as mpirun (Open MPI: OMPI_COMM_WORLD_*), Hydra and its kin (MPICH, Intel MPI: PMI_*) or srun (SLURM_PROCID,
 * SLURM_STEP_NUM_TASKS) left them; null for a process that stands alone. A Slurm batch script that runs without srun is alone:
 * SLURM_NTASKS is there, but no step.
 * @throws Error when the variables are no rank below a size.
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
