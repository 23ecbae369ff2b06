/** @file Tiles of a matrix product: the options on a device, and the default choice without measurement. */

/** Memory layout of A and B of a product: `nt` [M, K] and [N, K]; `nn` [M, K] and [K, N]; `tn` [K, M] and [K, N]. */
export type GpuForm = 'nt' | 'nn' | 'tn';

/**
 * A workgroup of 16 x 16 invocations computes a tile of C, `depth` of the inner dimension at a time. An invocation
 * keeps `rows` x `columns` sums in registers. `ahead`: it reads the next tile while it computes this one.
 */
export interface GpuTile {
  rows: 1 | 4 | 8;
  columns: 4 | 8;
  depth: 8 | 16 | 32;
  ahead: boolean;
}

/** The tile of each form. */
export type GpuTiles = Record<GpuForm, GpuTile>;

/**
 * The tile of a software adapter, where longer kernels compile slowly. It fits the 16 KiB of workgroup memory of every
 * device.
 */
export const SMALL_TILE: GpuTile = { rows: 4, columns: 4, depth: 16, ahead: false };

const LARGE_TILE: GpuTile = { rows: 8, columns: 8, depth: 8, ahead: true };

/** The tiles that tuning tries. */
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

/** Workgroup memory reserved for operands, besides the tiles. */
const RESERVED_BYTES = 256;

/** Tiles that fit the workgroup memory of a device. */
export function tilesOf({ maxComputeWorkgroupStorageSize }: GPUSupportedLimits): GpuTile[] {
  return TILES.filter(({ rows, columns, depth }) => {
    const vectors = 16 * (rows + columns) * (depth / 4 + 1); // for form `nt`, which pads both tiles
    return 16 * vectors + RESERVED_BYTES <= maxComputeWorkgroupStorageSize;
  });
}

/** The tiles of an unmeasured device: on an H100 at most 3 % slower than the best of each form. */
export function defaultTiles(software: boolean): GpuTiles {
  const tile = { ...SMALL_TILE, ahead: !software };
  return { nt: tile, nn: tile, tn: tile };
}

/** Most columns of C that count as an adapter's rank: tiles of few rows then occupy more of a GPU. */
const NARROW = 16;

/** The chosen tile of a product [m, n], or a smaller one where half of it would be empty. */
export function fitTile(tile: GpuTile, form: GpuForm, m: number, n: number): GpuTile {
  // form `tn` reads neighbouring rows in fours
  if (n <= NARROW && form !== 'tn' && tile.ahead) return { rows: 1, columns: 4, depth: 32, ahead: true };
  const rows = m <= 64 ? 4 : tile.rows;
  const columns = n <= 64 ? 4 : tile.columns;
  if (rows === tile.rows && columns === tile.columns) return tile;
  return { ...tile, rows, columns, depth: tile.depth === 8 ? 16 : tile.depth };
}

/** Name of a tile, for keys and messages. */
export function tileName({ rows, columns, depth, ahead }: GpuTile): string {
  return `${rows}x${columns}x${depth}${ahead ? '+' : ''}`;
}
