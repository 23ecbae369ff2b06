/** @file A command that mpirun, srun or Kubernetes started in several processes. */
import { joinMpi, type MpiCommunicator } from '@arena/mpi';
import { RankFailure } from '@arena/trainer/ranks';
import { messageOf } from './message.js';

/** Milliseconds for a launcher to pass a message on. MPICH's drops unread output when a rank aborts. */
const PASSED_ON = 200;

/** Milliseconds that ranks other than 0 hold back a message. Rank 0 probably prints the same one. */
const PATIENCE = 500;

/**
 * Runs a command as one of several ranks, or alone (null). When all ranks succeed, or fail the same way, they leave
 * together. A rank that fails alone reports it and ends the others.
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
      if (ranks.rank > 0) process.exit(1); // rank 0 prints it
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
