/** @file The functions of libmpi in use, bound through koffi for both ABIs. */

/**
 * MPI calls on MPI_COMM_WORLD, all data as bytes. Pointers are memory of typed arrays. Every call returns MPI's error
 * code.
 */
export interface MpiLibrary {
  name: string;
  init(): number;
  commRank(rank: Uint8Array): number;
  commSize(size: Uint8Array): number;
  ialltoall(send: Uint8Array, receive: Uint8Array, count: number, request: Uint8Array): number;
  iallgather(send: Uint8Array, receive: Uint8Array, count: number, request: Uint8Array): number;
  ibcast(buffer: Uint8Array, count: number, root: number, request: Uint8Array): number;
  ibarrier(request: Uint8Array): number;
  test(request: Uint8Array, flag: Uint8Array, status: Uint8Array): number;
  finalize(): number;
  abort(code: number): number;
}

/** Open MPI 4 and 5, MPICH 3.2 and later with ABI-compatible libraries (Intel MPI, MVAPICH). */
const OPEN_MPI = ['libmpi.so.40', 'libmpi.so'];
const MPICH = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so'];

/** mpi.h of MPICH: handles are numbers. */
const MPICH_COMM_WORLD = 0x44000000;
const MPICH_BYTE = 0x4c00010d;

/**
 * Settings for UCX, part of MPICH and optionally of Open MPI: no hooks into the process's memory or V8's signal
 * handlers. With hooks about 3 of 90 runs on a busy machine ended in a segmentation fault in V8's heap, without them 0
 * of 78. The cause is inferred from that.
 */
const UCX_SETTINGS = {
  UCX_MEM_EVENTS: 'n',
  UCX_MEM_MALLOC_HOOKS: 'n',
  UCX_MEM_MMAP_HOOK_MODE: 'none',
  UCX_ERROR_SIGNALS: '',
};

/**
 * Opens libmpi.
 * @param by Launcher of this process: its library is tried first.
 * @param name A library's name or path, instead of the usual ones.
 * @throws Error when koffi is not installed, or no library can be opened.
 */
export async function openMpiLibrary(by?: string, name?: string): Promise<MpiLibrary> {
  const koffi = await import('koffi').then(
    (module) => module.default,
    (error: Error) => {
      throw new Error(`MPI needs the package koffi beside arena: npm install koffi@3 (${firstLine(error)})`);
    },
  );
  for (const [setting, value] of Object.entries(UCX_SETTINGS)) process.env[setting] ??= value; // UCX reads them when the library opens
  const names = name ? [name] : by === 'PMI' ? [...MPICH, ...OPEN_MPI] : [...OPEN_MPI, ...MPICH];
  const tried: string[] = [];
  for (const one of names) {
    let library: ReturnType<typeof koffi.load>;
    try {
      // global: Open MPI's plug-ins look up symbols in it
      library = koffi.load(one, { global: true });
    } catch (error) {
      tried.push(`${one}: ${firstLine(error as Error)}`);
      continue;
    }
    return bind(one, library);
  }
  throw new Error(
    `no MPI library can be opened (${tried.join('; ')}); install Open MPI or MPICH, or name the library in ARENA_MPI_LIBRARY`,
  );
}

type Koffi = typeof import('koffi')['default'];

function bind(name: string, library: ReturnType<Koffi['load']>): MpiLibrary {
  const ompi = (symbol: string): unknown => {
    try {
      return library.symbol(symbol, 'void *');
    } catch {
      return undefined;
    }
  };
  const openMpiWorld = ompi('ompi_mpi_comm_world');
  const handle = openMpiWorld === undefined ? 'int' : 'void *'; // Open MPI's handles are addresses of its own objects
  const world = openMpiWorld ?? MPICH_COMM_WORLD;
  const byte = openMpiWorld === undefined ? MPICH_BYTE : ompi('ompi_mpi_byte');
  const call = (symbol: string, types: string[]) => library.func(symbol, 'int', types);
  const [ialltoall, iallgather] = ['MPI_Ialltoall', 'MPI_Iallgather'].map((symbol) =>
    call(symbol, ['void *', 'int', handle, 'void *', 'int', handle, handle, 'void *']),
  );
  const ibcast = call('MPI_Ibcast', ['void *', 'int', handle, 'int', handle, 'void *']);
  const ibarrier = call('MPI_Ibarrier', [handle, 'void *']);
  const test = call('MPI_Test', ['void *', 'void *', 'void *']);
  const init = call('MPI_Init', ['void *', 'void *']);
  const commRank = call('MPI_Comm_rank', [handle, 'void *']);
  const commSize = call('MPI_Comm_size', [handle, 'void *']);
  const finalize = call('MPI_Finalize', []);
  const abort = call('MPI_Abort', [handle, 'int']);
  return {
    name,
    init: () => init(null, null),
    commRank: (rank) => commRank(world, rank),
    commSize: (size) => commSize(world, size),
    ialltoall: (send, receive, count, request) => ialltoall(send, count, byte, receive, count, byte, world, request),
    iallgather: (send, receive, count, request) => iallgather(send, count, byte, receive, count, byte, world, request),
    ibcast: (buffer, count, root, request) => ibcast(buffer, count, byte, root, world, request),
    ibarrier: (request) => ibarrier(world, request),
    test: (request, flag, status) => test(request, flag, status),
    finalize: () => finalize(),
    abort: (code) => abort(world, code),
  };
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0];
}
