/**
 * @file The page that `npm create @arena/judge-page` makes, as somebody outside the repository has it: type-checked and built, in an empty folder,
 * with tarballs of the @arena packages and the rest from the npm registry. Runs after check-packages.mjs, as a script of pnpm.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publicPackages } from './pack.mjs';

const NAME = '@arena/create-judge-page';
const folder = mkdtempSync(join(tmpdir(), 'arena-judge-page-'));
try {
  const tarballs = Object.fromEntries(publicPackages().map(({ name, path }) => [name, `file:${pack(path, folder)}`]));
  const maker = join(folder, 'maker');
  npm(
    ['install', '--prefix', maker, '--ignore-scripts', '--no-audit', '--no-fund', '--silent', tarballs[NAME]],
    folder,
  );
  execFileSync(join(maker, 'node_modules/.bin/create-judge-page'), ['page'], { cwd: folder, stdio: 'inherit' });
  const page = join(folder, 'page');
  const manifest = JSON.parse(readFileSync(join(page, 'package.json'), 'utf8'));
  for (const name of Object.keys(manifest.dependencies))
    manifest.dependencies[name] = tarballs[name] ?? manifest.dependencies[name];
  const { [NAME]: _, ...overrides } = tarballs;
  writeFileSync(join(page, 'package.json'), JSON.stringify({ ...manifest, overrides }));
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--silent'], page);
  npm(['run', 'build'], page);
  for (const file of ['index.html', 'service-worker.js']) {
    if (!existsSync(join(page, 'dist', file))) throw new Error(`the build has no ${file}`);
  }
  console.log('ok the page of npm create @arena/judge-page');
} finally {
  rmSync(folder, { recursive: true });
}

function npm(args, cwd) {
  execFileSync('npm', args, { cwd, stdio: 'inherit' });
}
