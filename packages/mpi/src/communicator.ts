/** @file Exchanges bytes between the ranks of MPI_COMM_WORLD without blocking the event loop. */
import { launchOf } from './launch.js';
import { type MpiLibrary, openMpiLibrary } from './library.js';

/** Exchanges between the processes of a run. Every rank makes the same calls in the same order. */
export interface MpiCommunicator {
  readonly rank: number;
  readonly size: number;
  /** The MPI library in use. */
  readonly library: string;
  /**
   * Gives part r of `send` to rank r. `send` is `size` parts of equal length, in order.
   * @returns the parts for this rank, by sender.
   */
  allToAll(send: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Sends `part` to every rank. All parts have equal length. @returns all parts, by rank. */
  allGather(part: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Copies rank 0's `bytes` to every rank. All have equal length. @returns them. */
  broadcast(bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Waits for all ranks, then leaves MPI. */
  close(): Promise<void>;
  /** Ends the processes of all ranks, including this one, when they cannot be told. */
  abort(code: number): void;
}

/** Milliseconds that a call waits after its signal for other ranks that were stopped, too. */
const GRACE = 300;
/** MPI_Test calls without a pause. Later calls are a millisecond apart. */
const BUSY_TESTS = 2000;
/** Counts in MPI are C ints. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Joins the other processes that mpirun, srun or an operator of Kubernetes launched. Null for a single process.
 * @param env The environment: see {@link launchOf}. ARENA_MPI_LIBRARY names another library.
 * @throws Error when MPI cannot be opened, or its ranks differ from the environment's.
 * @example
 * const ranks = await joinMpi(); // null for a single process
 * const all = await ranks?.allGather(Uint8Array.of(ranks.rank));
 * await ranks?.close();
 */
export async function joinMpi(env: Record<string, string | undefined> = process.env): Promise<MpiCommunicator | null> {
  const launch = launchOf(env);
  if (!launch || launch.size === 1) return null;
  const library = await openMpiLibrary(launch.by, env.ARENA_MPI_LIBRARY);
  check(library.init(), 'MPI_Init');
  const [rank, size] = [library.commRank, library.commSize].map((read) => {
    const value = memory(4);
    check(read(value), 'MPI_Comm_rank');
    return new DataView(value.buffer).getInt32(0, true);
  });
  if (size !== launch.size) {
    throw new Error(
      `${launch.by} launched rank ${launch.rank} of ${launch.size}, but ${library.name} sees ${size} rank${size > 1 ? 's' : ''}: ` +
        'it is the library of another MPI, or srun needs --mpi=pmix or --mpi=pmi2; ARENA_MPI_LIBRARY names the right one',
    );
  }
  return communicator(library, rank, size);
}

function communicator(library: MpiLibrary, rank: number, size: number): MpiCommunicator {
  const run = async (start: (request: Uint8Array) => number, what: string, signal?: AbortSignal) => {
    const request = memory(8);
    check(start(request), what);
    await completed(library, request, what, signal);
  };
  return {
    rank,
    size,
    library: library.name,
    async allToAll(send, signal) {
      const [from, to] = [copy(send), memory(send.length)];
      const part = checkLength(send.length / size);
      await run((request) => library.ialltoall(from, to, part, request), 'MPI_Ialltoall', signal);
      return to.subarray(0, send.length);
    },
    async allGather(part, signal) {
      const [from, to] = [copy(part), memory(part.length * size)];
      checkLength(part.length);
      await run((request) => library.iallgather(from, to, part.length, request), 'MPI_Iallgather', signal);
      return to.subarray(0, part.length * size);
    },
    async broadcast(bytes, signal) {
      const buffer = copy(bytes);
      for (let at = 0; at < bytes.length; at += MAX_BYTES) {
        const some = buffer.subarray(at, Math.min(at + MAX_BYTES, bytes.length));
        await run((request) => library.ibcast(some, some.length, 0, request), 'MPI_Ibcast', signal);
      }
      return buffer.subarray(0, bytes.length);
    },
    async close() {
      await run((request) => library.ibarrier(request), 'MPI_Ibarrier');
      check(library.finalize(), 'MPI_Finalize');
    },
    abort: (code) => void library.abort(code),
  };
}

/** Polls until the request is done. The event loop runs in between. */
async function completed(library: MpiLibrary, request: Uint8Array, what: string, signal?: AbortSignal): Promise<void> {
  const flag = memory(4);
  const status = memory(64);
  let stopped = 0;
  for (let tests = 0; ; tests++) {
    check(library.test(request, flag, status), 'MPI_Test');
    if (flag[0]) return;
    if (signal?.aborted) {
      stopped ||= Date.now();
      if (Date.now() - stopped > GRACE)
        throw new Error(`${what}: another rank did not answer`, { cause: signal.reason });
    }
    await (tests < BUSY_TESTS && !stopped ? new Promise(setImmediate) : new Promise((done) => setTimeout(done, 1)));
  }
}

/** Memory that does not move while MPI writes to it: V8 may move small typed arrays. */
function memory(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(Math.max(64, bytes)));
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = memory(bytes.length);
  own.set(bytes);
  return own;
}

function checkLength(part: number): number {
  if (!Number.isInteger(part) || part > MAX_BYTES) {
    throw new RangeError(`parts of ${part} bytes: a whole number up to ${MAX_BYTES} is expected`);
  }
  return part;
}

function check(code: number, what: string): void {
  if (code !== 0) throw new Error(`${what} failed with code ${code}`);
}
