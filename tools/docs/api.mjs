/**
 * @file The API reference: docs/reference/api, a page an entry point of each public package, by typedoc from the sources.
 * It is made at every build of the site and not kept. typedoc is a dependency of docs/, so it is imported from there.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { publicPackages } from '../pack.mjs';

const ROOT = join(import.meta.dirname, '../..');
const OUT = join(ROOT, 'docs/reference/api');

/** Entry points by name: `quant/ops` is @arena/quant/ops. */
function entries() {
  return publicPackages().flatMap(({ path, name, exports = {} }) =>
    Object.entries(exports).flatMap(([key, target]) => {
      const built = typeof target === 'string' ? target : target.default;
      const source = join(path, built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));
      return source.endsWith('.ts') && existsSync(source) ? [{ name: name.replace('@arena/', '') + key.slice(1), source }] : [];
    }),
  );
}

/** Writes the pages. @returns how many. */
export async function writeApi() {
  const fromDocs = createRequire(join(ROOT, 'docs/package.json'));
  const { Application } = await import(pathToFileURL(fromDocs.resolve('typedoc')).href);
  const all = entries();
  const app = await Application.bootstrapWithPlugins({
    entryPoints: all.map(({ source }) => source),
    tsconfig: join(ROOT, 'tsconfig.json'),
    plugin: [fromDocs.resolve('typedoc-plugin-markdown')],
    router: 'module',
    skipErrorChecking: true,
    excludePrivate: true,
    excludeInternal: true,
    disableGit: true,
    sourceLinkTemplate: '',
    disableSources: true,
    readme: 'none',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    entryFileName: 'index',
    out: OUT, // its default is the folder docs/, which it would empty
    cleanOutputDir: false,
    outputs: [{ name: 'markdown', path: OUT }],
    logLevel: 'Error',
  });
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read the sources');
  for (const module of project.children ?? []) {
    const file = module.sources?.[0]?.fullFileName;
    const entry = all.find(({ source }) => source === file);
    if (entry) module.name = entry.name;
  }
  rmSync(OUT, { recursive: true, force: true });
  await app.generateOutputs(project);
  return readdirSync(OUT, { recursive: true }).filter((name) => name.endsWith('.md')).length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(await writeApi());
