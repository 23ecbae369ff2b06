/**
 * @file Engine `tensorflow`: the user's own @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, whichever is installed.
 * It has no fused kernels: every fused op runs as its reference of plain tfjs ops.
 */

import { findBackend, ready, setBackend } from '@tensorflow/tfjs-core';
import { EngineError } from './error.js';
import { importFromProject } from './project-package.js';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Loads the first of the two packages that works, and makes its backend the current one.
 * @param load Imports a package; for tests.
 * @returns the package's name.
 * @throws EngineError with both packages' errors.
 */
export async function openTensorflow(load: (name: string) => Promise<unknown> = importFromProject): Promise<string> {
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      await load(name);
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
      reasons.push(`${name} ${missing ? 'is not installed' : `does not load (${message.split('\n')[0]})`}`);
      continue;
    }
    if (!findBackend('tensorflow')) {
      reasons.push(
        `${name} brings another copy of @tensorflow/tfjs-core: install one version of it (npm ls @tensorflow/tfjs-core)`,
      );
      continue;
    }
    await setBackend('tensorflow');
    await ready();
    return name;
  }
  throw new EngineError('unavailable', `engine 'tensorflow' cannot be opened: ${reasons.join('; ')}`);
}
