/**
 * @file The optional package koffi, which calls native libraries: found beside this package, or in the user's project.
 */
import { importFromProject } from '@arena/runtime/engine';
import { CudaError } from './error.js';

export type Koffi = typeof import('koffi');

/**
 * Imports koffi.
 * @param load Imports a package; for tests.
 * @throws CudaError when it is not installed, or does not load on this machine.
 */
export async function importKoffi(load: (name: string) => Promise<unknown> = importPackage): Promise<Koffi> {
  let imported: unknown;
  try {
    imported = await load('koffi');
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string };
    if (/MODULE_NOT_FOUND/.test(code) && /['"]koffi['"]/.test(message)) {
      throw new CudaError("engine 'cuda' needs the package koffi to call the driver: npm install koffi");
    }
    throw new CudaError(`engine 'cuda': the package koffi does not load here (${message.split('\n')[0]})`);
  }
  return (imported as { default?: Koffi }).default ?? (imported as Koffi);
}

async function importPackage(name: string): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ name);
  } catch (error) {
    if (!/MODULE_NOT_FOUND/.test((error as { code?: string }).code ?? '')) throw error;
    return importFromProject(name);
  }
}
