/** @file Exchanges of bytes between the processes of a run, such as by MPI (@arena/mpi). */

/** Exchanges between the ranks of a run. Every rank makes the same calls in the same order. */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /**
   * Gives part r of `send` to rank r. `send` is `size` parts of equal length, in order.
   * @returns the parts for this rank, by sender.
   * @throws when another rank does not answer after `signal` was aborted.
   */
  allToAll(send: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Sends `part` to every rank. All parts have equal length. @returns all parts, by rank. */
  allGather(part: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
  /** Copies rank 0's `bytes` to every rank. All have equal length. @returns them. */
  broadcast(bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
}

interface Meeting {
  call: string;
  parts: Uint8Array[];
  arrived: number;
  resolve: () => void;
  done: Promise<void>;
}

/** Communicators of `size` ranks within one process, for tests and for models side by side. */
export function localCommunicators(size: number): Communicator[] {
  let meeting: Meeting | undefined;
  /** Waits until every rank has given its part. @returns the parts by rank. */
  const meet = async (rank: number, call: string, part: Uint8Array, signal?: AbortSignal): Promise<Uint8Array[]> => {
    if (!meeting) {
      let resolve = () => {};
      const done = new Promise<void>((fulfil) => {
        resolve = fulfil;
      });
      meeting = { call: `${call} of ${part.length} bytes`, parts: [], arrived: 0, resolve, done };
    }
    const now = meeting;
    if (now.call !== `${call} of ${part.length} bytes`) {
      throw new Error(`rank ${rank} calls ${call} of ${part.length} bytes, another ${now.call}`);
    }
    now.parts[rank] = part.slice();
    if (++now.arrived === size) {
      meeting = undefined;
      now.resolve();
    }
    await unlessAborted(now.done, signal);
    return now.parts;
  };
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    async allToAll(send, signal) {
      const part = send.length / size;
      const given = await meet(rank, 'allToAll', send, signal);
      return joined(given.map((one) => one.subarray(rank * part, (rank + 1) * part)));
    },
    allGather: async (part, signal) => joined(await meet(rank, 'allGather', part, signal)),
    broadcast: async (bytes, signal) => (await meet(rank, 'broadcast', bytes, signal))[0].slice(),
  }));
}

/** Milliseconds to wait for other ranks that were stopped, too. */
const GRACE = 300;

function unlessAborted(done: Promise<void>, signal?: AbortSignal): Promise<void> {
  if (!signal) return done;
  return new Promise((resolve, reject) => {
    const giveUp = () => setTimeout(() => reject(new Error('another rank did not answer')), GRACE);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    void done.then(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
  });
}

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
