/** @file A command that mpirun, srun or Kubernetes started several times over. */
import { joinMpi, type MpiCommunicator } from '@arena/mpi';
import { RankFailure } from '@arena/trainer/ranks';
import { messageOf } from './message.js';

/** Milliseconds that a launcher gets to pass a message on: MPICH's drops what it has not read when a rank aborts. */
const PASSED_ON = 200;

/** Milliseconds that ranks other than 0 wait with a message that rank 0 is likely to have too. */
const PATIENCE = 500;

/**
 * Runs a command as one of several ranks, or alone (null). When all ranks fail alike, or succeed, they leave together; a rank
 * that fails by itself says so and ends the others.
 */
export async function withRanks<T>(command: string, work: (ranks: MpiCommunicator | null) => Promise<T>): Promise<T> {
  const ranks = await joinMpi();
  if (!ranks) return work(null);
  let result: T;
  try {
    result = await work(ranks);
  } catch (error) {
    const { name } = error as Error;
    if (error instanceof RankFailure) {
      await ranks.close();
      if (ranks.rank > 0) process.exit(1); // rank 0 says it
      throw error;
    }
    if (ranks.rank > 0) await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    process.stderr.write(`arena ${command}: ${ranks.rank > 0 ? `rank ${ranks.rank}: ` : ''}${messageOf(error)}\n`);
    await new Promise((resolve) => setTimeout(resolve, PASSED_ON));
    ranks.abort(name === 'Interrupted' ? 130 : 1);
    throw error;
  }
  await ranks.close();
  return result;
}
