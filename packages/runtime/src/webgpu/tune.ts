/** @file Chooses the tiles of matrix products on engine `webgpu` by measurement. */
import { backend, type KernelBackend, type Tensor } from '@tensorflow/tfjs-core';
import type { LoudWebGPUBackend } from './backend.js';
import { gpuLauncher } from './launcher.js';
import { type GpuForm, type GpuTile, SMALL_TILE, tileName, tilesOf } from './tile.js';

/** Result of a tile. */
export interface TileTime {
  form: GpuForm;
  /** rows x columns x depth of {@link GpuTile}, and `+` for `ahead`. */
  tile: string;
  /** Median time of a product. */
  milliseconds: number;
  /** Whether it is now the form's tile. */
  chosen: boolean;
}

/** Options of the measurement. The median of the rounds decides. */
export interface TuneOptions {
  /** Measurements of each tile, in turns (default 5). */
  rounds?: number;
}

/** Least time of a round, by repeated products: waiting for a GPU itself takes milliseconds. */
const ROUND_MS = 20;
const MOST_CALLS = 64;
/** Largest |difference| / max|value| from the small tile's result: all tiles sum in the same order. */
const AGREEMENT = 1e-4;

/**
 * Times the product of each form with every tile that the device has room for. The current engine, which must be
 * `webgpu`, uses the fastest. A tile with a different result is rejected.
 * @param products computes one product of the form. Its result is disposed.
 */
export async function tuneTiles(
  products: Record<GpuForm, () => Tensor>,
  { rounds = 5 }: TuneOptions = {},
): Promise<TileTime[]> {
  const gpu = backend() as LoudWebGPUBackend;
  const launcher = gpuLauncher(gpu as unknown as KernelBackend);
  const chosen = { ...launcher.tiles };
  const tiles = tilesOf(gpu.device.limits);
  const results: TileTime[] = [];
  try {
    for (const form of ['nt', 'nn', 'tn'] as const) {
      const use = (tile: GpuTile) => {
        launcher.tiles = { ...chosen, [form]: tile };
      };
      use(SMALL_TILE);
      const want = await valuesOf(products[form]());
      const right: GpuTile[] = [];
      for (const tile of tiles) {
        use(tile);
        if (agree(await valuesOf(products[form]()), want)) right.push(tile);
      }
      const times = right.map(() => [] as number[]);
      use(right[0]);
      let calls = 1;
      while (calls < MOST_CALLS && calls * (await timeOf(gpu, products[form], calls)) < ROUND_MS) calls *= 2;
      for (let round = 0; round < rounds; round++) {
        for (const [i, tile] of right.entries()) {
          use(tile);
          times[i].push(await timeOf(gpu, products[form], calls));
        }
      }
      const medians = times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
      const best = medians.indexOf(Math.min(...medians));
      chosen[form] = right[best];
      results.push(
        ...right.map((tile, i) => ({ form, tile: tileName(tile), milliseconds: medians[i], chosen: i === best })),
      );
    }
  } finally {
    launcher.tiles = chosen;
  }
  return results;
}

async function valuesOf(tensor: Tensor): Promise<ArrayLike<number>> {
  const values = await tensor.data();
  tensor.dispose();
  return values;
}

function agree(got: ArrayLike<number>, want: ArrayLike<number>): boolean {
  let [largest, difference] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    largest = Math.max(largest, Math.abs(want[i]));
    if (Number.isNaN(got[i])) return false;
    difference = Math.max(difference, Math.abs(got[i] - want[i]));
  }
  return difference <= AGREEMENT * largest;
}

async function timeOf(gpu: LoudWebGPUBackend, product: () => Tensor, calls: number): Promise<number> {
  const finished = () => gpu.device.queue.onSubmittedWorkDone();
  await finished();
  const start = performance.now();
  for (let i = 0; i < calls; i++) product().dispose();
  gpu.launcher.flush();
  await finished();
  gpu.launcher.check();
  return (performance.now() - start) / calls;
}
