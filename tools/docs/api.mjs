/**
 * @file The API reference: docs/reference/api, a page an entry point of each public package, by typedoc from the sources.
 * It is made at every build of the site and not kept. typedoc is a dependency of docs/, so it is imported from there.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { publicPackages } from '../pack.mjs';

const ROOT = join(import.meta.dirname, '../..');
const OUT = join(ROOT, 'docs/reference/api');

/** Sources of the entry points. */
function entries() {
  return publicPackages().flatMap(({ path, exports = {} }) =>
    Object.values(exports).flatMap((target) => {
      const built = typeof target === 'string' ? target : target.default;
      const source = join(path, built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));
      return source.endsWith('.ts') && existsSync(source) ? [source] : [];
    }),
  );
}

/** Writes the pages. @returns how many. */
export async function writeApi() {
  const fromDocs = createRequire(join(ROOT, 'docs/package.json'));
  const { Application } = await import(pathToFileURL(fromDocs.resolve('typedoc')).href);
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entries(),
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
    excludeExternals: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    propertyMembersFormat: 'table',
    enumMembersFormat: 'table',
    entryFileName: 'index',
    out: OUT, // its default is the folder docs/, which it would empty
    cleanOutputDir: false,
    outputs: [{ name: 'markdown', path: OUT }],
    logLevel: 'Error',
  });
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read the sources');
  for (const module of project.children ?? []) module.name = module.name.replace(/\/src(?=\/|$)/, '');
  rmSync(OUT, { recursive: true, force: true });
  await app.generateOutputs(project);
  return tidy();
}

/** Gives pages the names of their entry points, which typedoc numbers where it sees two alike. @returns how many pages. */
function tidy() {
  const pages = readdirSync(OUT, { recursive: true }).filter((name) => name.endsWith('.md'));
  for (const page of pages) {
    const text = readFileSync(join(OUT, page), 'utf8').replace(/-1\.md(?=[)#])/g, '.md');
    const titled = page === 'index.md' ? text.replace(/^# .*/, '# API') : text.replace(/^# (.*)/, '# @arena/$1');
    rmSync(join(OUT, page));
    writeFileSync(join(OUT, page.replace(/-1\.md$/, '.md')), titled);
  }
  return pages.length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(await writeApi());
