/**
 * @file Makes the folder template out of examples/browser, as a project that stands alone: published versions of the @arena packages, and
 * compiler options of its own. `node make-template.mjs`, after the other steps of the build.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const ROOT = at('../../');
const PAGE = `${ROOT}examples/browser/`;
const TEMPLATE = at('template/');

/** What of the page belongs to this repository alone. */
const LEFT = /[/\\](node_modules|dist|\.turbo|package\.json|tsconfig\.json|README\.md)$/;

rmSync(TEMPLATE, { recursive: true, force: true });
cpSync(PAGE, TEMPLATE, { recursive: true, filter: (path) => !LEFT.test(path) });
mkdirSync(TEMPLATE, { recursive: true });
write('package.json', `${JSON.stringify(manifest(), null, 2)}\n`);
write('tsconfig.json', `${JSON.stringify(compilerOptions(), null, 2)}\n`);
write('gitignore', 'node_modules/\ndist/\n'); // npm leaves a .gitignore out of a package
write('README.md', readme());
cpSync(`${ROOT}LICENSE`, `${TEMPLATE}terms`); // with its own name pnpm would take it for the package's, and leave that out

function write(name, text) {
  writeFileSync(TEMPLATE + name, text);
}

function read(path) {
  return readFileSync(path, 'utf8');
}

function manifest() {
  const { dependencies, devDependencies, description, license } = JSON.parse(read(`${PAGE}package.json`));
  const versions = ownVersions();
  const catalog = read(`${ROOT}pnpm-workspace.yaml`);
  const published = (all) =>
    Object.fromEntries(
      Object.entries(all).map(([name, range]) => {
        if (range.startsWith('workspace:')) return [name, `^${versions[name]}`];
        if (range !== 'catalog:') return [name, range];
        const [, found] = new RegExp(`^ {2}"?${name}"?: (.+)$`, 'm').exec(catalog);
        return [name, found];
      }),
    );
  return {
    ...{ name: 'judge-page', version: '0.0.0', private: true, description, license, type: 'module' },
    scripts: { dev: 'vite', build: 'tsc && vite build', preview: 'vite preview' },
    dependencies: published(dependencies),
    devDependencies: published(devDependencies),
  };
}

/** Version of each package of the workspace. */
function ownVersions() {
  const manifests = readdirSync(`${ROOT}packages`).map((name) =>
    JSON.parse(read(`${ROOT}packages/${name}/package.json`)),
  );
  return Object.fromEntries(manifests.map(({ name, version }) => [name, version]));
}

function compilerOptions() {
  const base = JSON.parse(read(`${ROOT}tsconfig.base.json`));
  const page = JSON.parse(read(`${PAGE}tsconfig.json`));
  return { include: page.include, compilerOptions: { ...base.compilerOptions, ...page.compilerOptions } };
}

/** What the page is and how it is made, as the repository says it, with the commands of a project of its own. */
function readme() {
  const text = read(`${PAGE}README.md`)
    .replace(
      /```\n[\s\S]*?```/,
      '```\nnpm install\nnpm run dev\nnpm run build      # dist/: files for any static host\n```',
    )
    .replace(/^.*<!-- film -->.*\n\n?/m, '')
    .replace(/\[([^\]]+)\]\(\.\.\/[^)]+\)/g, '$1'); // the repository's other files are not here
  return text;
}
