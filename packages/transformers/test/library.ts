/**
 * @file transformers.js itself. It is too large for a dependency: the environment variable ARENA_ONNX names a folder with
 * @huggingface/transformers in its node_modules.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FOLDER = process.env.ARENA_ONNX ?? '';

/** Without it the tests are left out; CI must have it. */
export const hasLibrary =
  existsSync(join(FOLDER, 'node_modules/@huggingface/transformers')) || process.env.CI === 'true';

// biome-ignore lint/suspicious/noExplicitAny: the package is not a dependency, so its types are not here
export async function loadLibrary(): Promise<any> {
  return import(pathToFileURL(createRequire(join(FOLDER, 'x.js')).resolve('@huggingface/transformers')).href);
}

export * as standIn from './stand-in/index.js';
