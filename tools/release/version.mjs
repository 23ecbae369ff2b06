/**
 * @file `changeset version` for packages below 1.0: `node tools/release/version.mjs` in the root of a tree. changesets makes a major
 * version of every package whose peer gets a minor one (and `fixed` then of all), so peers within this workspace are put aside meanwhile:
 * all packages have one version, and pnpm writes it into the ranges when it publishes.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = process.cwd();
const paths = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name, 'package.json'))
  .filter(existsSync);
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const write = (path, manifest) => writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
const majors = () => new Set(paths.map((path) => read(path).version.split('.')[0]));
const asksForMajor = readdirSync(join(root, '.changeset')).some(
  (file) => file.endsWith('.md') && /: major$/m.test(readFileSync(join(root, '.changeset', file), 'utf8')),
);

const before = majors();
const aside = new Map();
for (const path of paths) {
  const manifest = read(path);
  const { peerDependencies = {} } = manifest;
  if (!Object.values(peerDependencies).some((range) => range.startsWith('workspace:'))) continue;
  aside.set(path, peerDependencies);
  write(path, { ...manifest, peerDependencies: {} });
}
try {
  const program = createRequire(join(root, 'package.json')).resolve('@changesets/cli/bin.js');
  execFileSync(process.execPath, [program, 'version'], { cwd: root, stdio: 'inherit' });
} finally {
  for (const [path, peerDependencies] of aside) write(path, { ...read(path), peerDependencies });
}
const moved = [...majors()].filter((major) => !before.has(major));
if (moved.length && !asksForMajor)
  throw new Error(`no changeset asks for a major version, yet there is ${moved.join(', ')}.x`);
