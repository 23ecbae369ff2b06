/**
 * @file Optional packages of the user's project, resolved from the working directory (Node). They are not peer
 * dependencies: package managers that install those would download hundreds of megabytes for everyone.
 */

/**
 * Imports a package of the current project.
 * @throws Error with code MODULE_NOT_FOUND when the project does not have it.
 */
export async function importFromProject(name: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const { pathToFileURL } = process.getBuiltinModule('node:url');
  const path = createRequire(`${process.cwd()}/package.json`).resolve(name);
  return import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ pathToFileURL(path).href);
}
