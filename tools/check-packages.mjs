/**
 * @file Packs every public package and uses it as somebody else would: `pnpm check:packages [name...]`.
 * For each one, in an empty project of its own: what is in the tarball; npm install of what its README says, without
 * scripts; publint and are-the-types-wrong on the tarball; the README's first example type-checked under Node's rules and run. Without names, check-own-kernel.mjs and check-judge-page.mjs follow. Needs the npm registry or a full cache.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { blocksOf } from './docs/markdown.mjs';
import { pack, publicPackages } from './pack.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];
/** Paths in a project whose types must be right; those of tfjs are not when checked in full. */
const OURS = /^\/(example\.ts|node_modules\/@arena\/)/;
/** What a package with CUDA kernels publishes of its sources. */
const PTX = 'src/**/*.ptx.gz';
const TINY_TOKENIZER = 'packages/tokenizer/test/fixtures/tiny-tokenizer.json';

/** Files that an example reads, names that it leaves to the reader, and packages that are too large to install for it. */
const SETUP = {
  '@arena/tokenizer': { files: { 'gemma-2-2b/tokenizer.json': TINY_TOKENIZER } },
  '@arena/data': {
    files: { 'tokenizer.json': TINY_TOKENIZER, 'train.parquet': 'packages/data/test/fixtures/arena100k.parquet' },
    code: 'const train_step = (...batch: unknown[]) => console.log(batch.length);',
  },
  '@arena/transformers': {
    files: { 'node_modules/@huggingface/transformers': 'packages/transformers/test/stand-in' },
    large: ['@huggingface/transformers'],
  },
};

const folder = mkdtempSync(join(tmpdir(), 'arena-packages-'));
const packages = publicPackages();
const wanted = process.argv.slice(2);
const tarballs = new Map();
let failed = 0;

for (const { name, path } of packages) tarballs.set(name, pack(path, folder));
for (const { name } of packages) {
  if (wanted.length && !wanted.includes(name)) continue;
  const problems = check(name);
  console.log(`${problems.length ? 'FAILED' : 'ok'} ${name}`);
  for (const problem of problems) console.log(`  ${problem.trim().split('\n').slice(0, 12).join('\n  ')}`);
  if (problems.length) failed++;
}
rmSync(folder, { recursive: true });
console.log(`${failed} of ${wanted.length || packages.length} packages have problems`);
process.exitCode = failed ? 1 : 0;
if (!wanted.length) {
  await import('./check-own-kernel.mjs');
  await import('./check-judge-page.mjs');
}

/** The script behind a command of a development dependency. */
function bin(packageName, command) {
  const manifest = join(ROOT, 'node_modules', packageName, 'package.json');
  const { bin: commands } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(ROOT, 'node_modules', packageName, typeof commands === 'string' ? commands : commands[command]);
}

/** Everything that is wrong with a package, as text. */
function check(name) {
  const problems = [];
  const attempt = (what, action) => {
    try {
      return action();
    } catch (error) {
      problems.push(`${what}: ${error.stdout?.toString().trim() ?? ''}\n${error.stderr?.toString() ?? error.message}`);
    }
  };
  const project = join(folder, name.replace('/', '+'));
  mkdirSync(project);
  const entries = tar('-tzf', tarballs.get(name)).trim().split('\n');
  const manifest = JSON.parse(tar('-xzOf', tarballs.get(name), 'package/package.json'));
  problems.push(...contentProblems(entries, manifest));
  attempt('publint', () => run(process.execPath, [bin('publint', 'publint'), tarballs.get(name), '--strict'], ROOT));
  const wrong = [tarballs.get(name), '--profile', 'esm-only', '--no-emoji', '--no-color', '--format', 'ascii'];
  attempt('attw', () => run(process.execPath, [bin('@arethetypeswrong/cli', 'attw'), ...wrong], ROOT));
  if (!entries.includes('package/README.md')) return problems;
  const readme = tar('-xzOf', tarballs.get(name), 'package/README.md');

  const names =
    readme
      .match(/^npm install (.*)$/m)?.[1]
      .split(' ')
      .filter((word) => !word.startsWith('-')) ?? [];
  if (!names.includes(name)) problems.push('README.md has no line `npm install` with the package in it');
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
  const needed = closure([name, ...names.filter((other) => tarballs.has(other))]);
  const { files = {}, code = '', large = [] } = SETUP[name] ?? {};
  const others = names.filter((other) => !tarballs.has(other) && !large.includes(other));
  const installed = attempt('npm install', () =>
    run(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        ...needed.map((one) => tarballs.get(one)),
        ...others,
        '@types/node@20',
      ],
      project,
    ),
  );
  if (installed === undefined) return problems;
  const importAll = `const all = await import('${name}'); if (!Object.keys(all).length) throw new Error('no exports');`;
  attempt('import', () => run(process.execPath, ['--input-type=module', '-e', importAll], project));
  for (const command of Object.keys(manifest.bin ?? {})) {
    attempt(command, () => run(join(project, 'node_modules/.bin', command), ['--help'], project));
  }
  const example = blocksOf(readme).find(({ lang, mark }) => ['js', 'ts'].includes(lang) && !mark)?.code;
  if (!example) {
    if (!manifest.bin) problems.push('README.md has no example');
    return problems;
  }
  for (const [, module] of example.matchAll(/from '((?:@[^/']+\/)?[^/']+)/g)) {
    if (module !== name && !module.startsWith('node:') && !names.includes(module)) {
      problems.push(`README.md: the example imports ${module}, which its npm install line leaves out`);
    }
  }
  for (const [to, from] of Object.entries(files)) cpSync(join(ROOT, from), join(project, to), { recursive: true });
  writeFileSync(join(project, 'example.ts'), `${code}\n${example}\nexport * as everything from '${name}';\n`);
  attempt('types', () => compile(project));
  attempt('example', () => run(process.execPath, ['example.js'], project));
  return problems;
}

function contentProblems(entries, manifest) {
  const folders = manifest.files.filter((one) => !one.includes('.'));
  const allowed = new RegExp(
    `^package/(package\\.json|README\\.md|LICENSE|(${folders.join('|')})/.*|src/.*\\.ptx\\.gz)$`,
  );
  const required = ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts'];
  const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
  return [
    ...entries.filter((entry) => !allowed.test(entry)).map((entry) => `${entry} does not belong into the tarball`),
    ...(manifest.files.includes(PTX) && !entries.some((entry) => entry.endsWith('.ptx.gz'))
      ? ['the tarball has no PTX of its CUDA kernels']
      : []),
    ...required.filter((file) => !entries.includes(`package/${file}`)).map((file) => `the tarball has no ${file}`),
    ...SCRIPTS.filter((script) => manifest.scripts?.[script]).map((script) => `it has a script '${script}'`),
    ...Object.entries(dependencies)
      .filter(([, range]) => /^(workspace|catalog|file|link):/.test(range))
      .map(([dependency, range]) => `it depends on ${dependency} as ${range}`),
  ];
}

/** The packages and those of this workspace that they depend on. */
function closure(names) {
  const all = new Set(names);
  for (const name of all) {
    const { dependencies = {} } = packages.find((one) => one.name === name);
    for (const dependency of Object.keys(dependencies)) if (tarballs.has(dependency)) all.add(dependency);
  }
  return [...all];
}

/** Writes example.js. @throws Error with what TypeScript says of the example and of our packages' types. */
function compile(project) {
  const options = {
    ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, lib: ['lib.esnext.d.ts', 'lib.dom.d.ts'] },
    ...{ strict: true, types: ['node'], typeRoots: [join(project, 'node_modules/@types')] },
  };
  const program = ts.createProgram([join(project, 'example.ts')], options);
  program.emit();
  const ours = ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => !file || OURS.test(file.fileName.slice(project.length)));
  if (!ours.length) return;
  const host = { getCurrentDirectory: () => project, getCanonicalFileName: (one) => one, getNewLine: () => '\n' };
  throw new Error(ts.formatDiagnostics(ours, host));
}

function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, stdio: 'pipe', timeout: 120_000 }).toString();
}

function tar(...args) {
  return execFileSync('tar', args, { maxBuffer: 2 ** 28 }).toString();
}
