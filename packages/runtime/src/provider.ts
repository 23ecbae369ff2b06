/** @file Engines of other packages, so that this package does not depend on them. */

import type { CudaOptions, Engine, EngineName } from './engine.js';
import { EngineError } from './error.js';
import { importFromProject } from './project-package.js';

/** The export of a package with an engine. */
export interface EngineProvider {
  /** Opens the engine and makes it tfjs's current backend. */
  open(options: CudaOptions): Promise<Engine>;
}

const loaders = new Map<EngineName, () => Promise<EngineProvider>>();

/**
 * Registers the source of an engine. `load` runs on the first use of the engine.
 * @example
 * provideEngine('cuda', async () => (await import('@arena/cuda')).cudaEngine);
 */
export function provideEngine(name: EngineName, load: () => Promise<EngineProvider>): void {
  loaders.set(name, load);
}

/**
 * The provider of an engine: from {@link provideEngine}, otherwise the export of an installed package.
 * @throws EngineError when there is none.
 */
export async function engineProvider(name: EngineName, packageName: string, exported: string): Promise<EngineProvider> {
  const load = loaders.get(name);
  if (load) return load();
  if (typeof process === 'undefined' || !process.versions?.node) {
    throw new EngineError('unavailable', `engine '${name}' runs in Node alone: use 'webgpu' or 'wasm' in a browser`);
  }
  let imported: unknown;
  try {
    imported = await importFromProject(packageName);
  } catch (error) {
    if (!/MODULE_NOT_FOUND/.test((error as { code?: string }).code ?? '')) throw error;
    throw new EngineError('unavailable', `engine '${name}' cannot be opened here: npm install ${packageName}`);
  }
  return (imported as { [name: string]: EngineProvider })[exported];
}
