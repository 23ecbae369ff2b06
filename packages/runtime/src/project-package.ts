/**
 * @file Packages that the user may have installed, looked for from the working directory (Node). They are no peer dependencies: package managers that
 * install those would download their hundreds of megabytes for everybody.
 */

/**
 * Imports a package of the project that the process was started in.
 * @throws Error with code MODULE_NOT_FOUND when it has none of that name.
 */
export async function importFromProject(name: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const { pathToFileURL } = process.getBuiltinModule('node:url');
  const path = createRequire(`${process.cwd()}/package.json`).resolve(name);
  return import(/* @vite-ignore */ pathToFileURL(path).href);
}
