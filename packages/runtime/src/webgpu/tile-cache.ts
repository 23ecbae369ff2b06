/**
 * @file The measured choice of tiles of each device, kept in a file of the user's cache folder (Node). It counts while adapter, driver and the products'
 * WGSL are those that were measured.
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

/** Where the choices are kept; undefined outside Node. */
export function tileFile(): string | undefined {
  if (typeof process === 'undefined' || !process.versions?.node) return undefined;
  const { join } = process.getBuiltinModule('node:path');
  const { homedir } = process.getBuiltinModule('node:os');
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  const cache = (process.platform === 'win32' && LOCALAPPDATA) || XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'arena', 'webgpu-tiles.json');
}

/**
 * Keeps the launcher's tiles for the next time that its device is opened.
 * @returns the file; undefined outside Node, where nothing is kept.
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

/** The kept choice for a launcher's device, if there is one that fits it. */
export function storedTiles(launcher: Launcher): GpuTiles | undefined {
  const file = tileFile();
  const entry = file && readEntries(file)[keyOf(launcher)];
  if (!entry) return undefined;
  const offered = tilesOf(launcher.backend.device.limits);
  const found = FORMS.map((form) => [form, offered.find((tile) => tileName(tile) === entry.tiles?.[form])] as const);
  return found.every(([, tile]) => tile) ? (Object.fromEntries(found) as GpuTiles) : undefined;
}

/** Nothing when there is no file, or one that cannot be read: it is a cache. */
function readEntries(file: string): Record<string, Entry | undefined> {
  try {
    const entries = JSON.parse(process.getBuiltinModule('node:fs').readFileSync(file, 'utf8'));
    return typeof entries === 'object' && entries ? entries : {};
  } catch {
    return {};
  }
}

/** Vendor, device and driver, as far as the adapter tells them. */
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
