/**
 * @file What packages take on disk: `node tools/install-sizes.mjs`, as a script of pnpm. The tarball of a package and
 * those of this workspace that it needs are installed by npm into an empty folder, without scripts. Fails when the
 * folder is larger than its budget in budgets.json (MB of 1,000,000 bytes), or when a tensor library came along that
 * the package does without. Needs the npm registry or a full cache.
 */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pack, publicPackages } from './pack.mjs';

const ROOT = resolve(import.meta.dirname, '..');
/** Packages that compute, and so bring tensors. */
const WITH_TENSORS = ['@arena/cli'];

const { installs } = JSON.parse(readFileSync(join(ROOT, 'budgets.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'arena-installs-'));
const packages = publicPackages();
const tarballs = new Map();
let failed = 0;
for (const [name, budget] of Object.entries(installs)) {
  const project = join(folder, name.replace('/', '+'));
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  execFileSync('npm', [...args, ...closure(name).map(tarball)], { cwd: project, stdio: 'pipe' });
  const modules = join(project, 'node_modules');
  const megabytes = bytesOf(modules) / 1e6;
  const tensors = readdirSync(modules).includes('@tensorflow') && !WITH_TENSORS.includes(name);
  const fine = megabytes <= budget && !tensors;
  if (!fine) failed++;
  console.log(
    `${fine ? '      ' : 'FAILED'} ${megabytes.toFixed(2).padStart(6)} of ${budget} MB  ${name}${tensors ? ', with a tensor library' : ''}`,
  );
}
rmSync(folder, { recursive: true });
console.log(`${failed} of ${Object.keys(installs).length} installs are above their budget`);
process.exitCode = failed ? 1 : 0;

/** The package and those of this workspace that it depends on. */
function closure(name) {
  const all = new Set([name]);
  for (const one of all) {
    const {
      dependencies = {},
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = packages.find((p) => p.name === one);
    const needed = Object.keys({ ...dependencies, ...peerDependencies }).filter(
      (other) => !peerDependenciesMeta[other]?.optional,
    );
    for (const other of needed) if (packages.some((p) => p.name === other)) all.add(other);
  }
  return [...all];
}

function tarball(name) {
  if (!tarballs.has(name)) tarballs.set(name, pack(packages.find((one) => one.name === name).path, folder));
  return tarballs.get(name);
}

function bytesOf(path) {
  const stat = lstatSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, one) => sum + bytesOf(join(path, one)), 0) : stat.size;
}
