/**
 * @file transformers.js and onnxruntime. They are too large for dependencies: the environment variable ARENA_ONNX names a folder with
 * @huggingface/transformers, onnxruntime-node and onnxruntime-web in its node_modules.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const FOLDER = resolve(process.env.ARENA_ONNX ?? '');

/** Its node_modules. */
export const MODULES = join(FOLDER, 'node_modules');

/** Without it tests are left out; CI must have it. */
export const hasLibrary = existsSync(join(MODULES, '@huggingface/transformers')) || process.env.CI === 'true';

// biome-ignore lint/suspicious/noExplicitAny: the packages are no dependencies, so their types are not here
export async function loadLibrary(name: string): Promise<any> {
  return import(pathToFileURL(createRequire(join(FOLDER, 'x.js')).resolve(name)).href);
}
