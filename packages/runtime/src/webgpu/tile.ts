/** @file How a matrix product is cut into tiles: what there is to choose from on a device, and the choice without measurement. */

/** How A and B of a product lie in memory: `nt` [M, K] and [N, K]; `nn` [M, K] and [K, N]; `tn` [K, M] and [K, N]. */
export type GpuForm = 'nt' | 'nn' | 'tn';

/**
 * A workgroup of 16 x 16 invocations takes a tile of C, `depth` of the inner dimension at a time; an invocation keeps `rows` x `columns` sums in
 * registers. `ahead`: the next tile is read while this one is worked on.
 */
export interface GpuTile {
  rows: 1 | 4 | 8;
  columns: 4 | 8;
  depth: 8 | 16 | 32;
  ahead: boolean;
}

/** The tile of each form. */
export type GpuTiles = Record<GpuForm, GpuTile>;

/** The tile of a software adapter, where longer kernels compile slowly. It needs no more than the 16 KiB of workgroup memory of every device. */
export const SMALL_TILE: GpuTile = { rows: 4, columns: 4, depth: 16, ahead: false };

const LARGE_TILE: GpuTile = { rows: 8, columns: 8, depth: 8, ahead: true };

/** All that tuning tries. */
const TILES: readonly GpuTile[] = [
  SMALL_TILE,
  { ...SMALL_TILE, ahead: true },
  { ...SMALL_TILE, depth: 32 },
  { rows: 8, columns: 4, depth: 16, ahead: true },
  { rows: 4, columns: 8, depth: 16, ahead: true },
  { ...LARGE_TILE, ahead: false },
  LARGE_TILE,
  { ...LARGE_TILE, depth: 16, ahead: false },
  { ...LARGE_TILE, depth: 16 },
];

/** Room for what operands keep beside the tiles. */
const RESERVED_BYTES = 256;

/** Tiles that a device has the workgroup memory for. */
export function tilesOf({ maxComputeWorkgroupStorageSize }: GPUSupportedLimits): GpuTile[] {
  return TILES.filter(({ rows, columns, depth }) => {
    const vectors = 16 * (rows + columns) * (depth / 4 + 1); // of form `nt`, which pads both tiles
    return 16 * vectors + RESERVED_BYTES <= maxComputeWorkgroupStorageSize;
  });
}

/** The tiles of a device that has not been measured: on an H100 this one is at most 3 % behind the best of each form. */
export function defaultTiles(software: boolean): GpuTiles {
  const tile = { ...SMALL_TILE, ahead: !software };
  return { nt: tile, nn: tile, tn: tile };
}

/** Columns of C that an adapter's rank gives: with so few, tiles of few rows keep more of a GPU at work. */
const NARROW = 16;

/** The chosen tile of a product [m, n], with another one where half of it would be empty. */
export function fitTile(tile: GpuTile, form: GpuForm, m: number, n: number): GpuTile {
  // in form `tn` rows lie side by side, and are read in fours
  if (n <= NARROW && form !== 'tn' && tile.ahead) return { rows: 1, columns: 4, depth: 32, ahead: true };
  const rows = m <= 64 ? 4 : tile.rows;
  const columns = n <= 64 ? 4 : tile.columns;
  if (rows === tile.rows && columns === tile.columns) return tile;
  return { ...tile, rows, columns, depth: tile.depth === 8 ? 16 : tile.depth };
}

/** For keys and names. */
export function tileName({ rows, columns, depth, ahead }: GpuTile): string {
  return `${rows}x${columns}x${depth}${ahead ? '+' : ''}`;
}
