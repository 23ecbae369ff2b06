/**
 * @file The PTX of a package's CUDA kernels: src/**\/*.ptx.gz, beside the .cu files, in the repository and in the
 * published package. Engine `cuda` reads them in Node on first use of a kernel of the package.
 */
import { EngineError } from '../error.js';

/** Text of some CUDA kernels. */
export interface CudaText {
  /** Their package, for messages. */
  readonly package: string;
  /** The PTX, in any number of texts. @throws EngineError when it is missing. */
  read(): string[];
}

/**
 * The PTX of a package. Its package.json must export `./package.json`.
 * @param packageName the package's name
 * @param from import.meta.url of the calling module, to resolve the package from
 */
export function packagePtx(packageName: string, from: string): CudaText {
  return { package: packageName, read: () => readPtx(packageName, from) };
}

function readPtx(packageName: string, from: string): string[] {
  const { createRequire } = process.getBuiltinModule('node:module');
  const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs');
  const { dirname, join } = process.getBuiltinModule('node:path');
  const { gunzipSync } = process.getBuiltinModule('node:zlib');
  let folder: string;
  try {
    folder = join(dirname(createRequire(from).resolve(`${packageName}/package.json`)), 'src');
  } catch (cause) {
    const what = `engine 'cuda': the kernels of ${packageName} are files of that package, which is not found from ${from}`;
    throw new EngineError('unavailable', `${what}: install it there, or leave it out of the bundle`, { cause });
  }
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.ptx.gz'))
    .sort()
    .map((path) => gunzipSync(readFileSync(join(folder, path))).toString())
    .map((text) => text.replace(/^\/\/ sources .*\n/, ''));
}
