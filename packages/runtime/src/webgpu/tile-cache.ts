/**
 * @file Stores the measured choice of tiles of each device in a file in the user's cache folder (Node). It is valid for
 * the same adapter, driver and WGSL of the products.
 */
import { addSegment, declareTiles } from './gemm-wgsl.js';
import type { Launcher } from './launcher.js';
import { type GpuTiles, tileName, tilesOf } from './tile.js';

type Names = Record<keyof GpuTiles, string>;

interface Entry {
  adapter: string;
  tiles: Names;
}

const FORMS = ['nt', 'nn', 'tn'] as const;

/** Path of the stored choices; undefined outside Node. */
export function tileFile(): string | undefined {
  if (typeof process === 'undefined' || !process.versions?.node) return undefined;
  const { join } = process.getBuiltinModule('node:path');
  const { homedir, userInfo } = process.getBuiltinModule('node:os');
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  const cache =
    (process.platform === 'win32' && LOCALAPPDATA) || XDG_CACHE_HOME || join(homedir() || userInfo().homedir, '.cache');
  return join(cache, 'arena', 'webgpu-tiles.json');
}

/**
 * Stores the launcher's tiles for the next use of its device.
 * @returns the file; undefined outside Node.
 */
export function storeTiles(launcher: Launcher): string | undefined {
  const file = tileFile();
  if (!file) return undefined;
  const { dirname } = process.getBuiltinModule('node:path');
  const { mkdirSync, renameSync, writeFileSync } = process.getBuiltinModule('node:fs');
  const names = Object.fromEntries(FORMS.map((form) => [form, tileName(launcher.tiles[form])])) as Names;
  const entries = { ...readEntries(file), [keyOf(launcher)]: { adapter: adapterOf(launcher), tiles: names } };
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(entries, null, 1)}\n`);
  renameSync(temporary, file);
  return file;
}

/** The stored choice for a launcher's device, if it is valid. */
export function storedTiles(launcher: Launcher): GpuTiles | undefined {
  const file = tileFile();
  const entry = file && readEntries(file)[keyOf(launcher)];
  if (!entry) return undefined;
  const offered = tilesOf(launcher.backend.device.limits);
  const found = FORMS.map((form) => [form, offered.find((tile) => tileName(tile) === entry.tiles?.[form])] as const);
  return found.every(([, tile]) => tile) ? (Object.fromEntries(found) as GpuTiles) : undefined;
}

/** Empty when the file is missing or unreadable: it is only a cache. */
function readEntries(file: string): Record<string, Entry | undefined> {
  try {
    const entries = JSON.parse(process.getBuiltinModule('node:fs').readFileSync(file, 'utf8'));
    return typeof entries === 'object' && entries ? entries : {};
  } catch {
    return {};
  }
}

/** Vendor, device and driver, as far as the adapter gives them. */
function adapterOf({ backend }: Launcher): string {
  const { vendor, architecture, device, description } = backend.device.adapterInfo;
  return [vendor, architecture, device, description].join(' ');
}

function keyOf(launcher: Launcher): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(adapterOf(launcher));
  const operand = { read: 'read', half: false };
  for (const tile of tilesOf(launcher.backend.device.limits)) {
    for (const form of FORMS) {
      hash.update(declareTiles(form, tile, false, false)).update(addSegment(form, tile, operand, operand, 'k'));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
