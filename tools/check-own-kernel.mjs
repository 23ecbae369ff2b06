/**
 * @file Builds and tests examples/own-kernel as somebody outside the repository would: `pnpm check:own-kernel`. A copy of it in an
 * empty folder gets @arena/runtime as a tarball and the rest from the npm registry. Where ARENA_DAWN names a folder with the package
 * `webgpu`, engine webgpu is tested too, on Chromium's software adapter unless VK_DRIVER_FILES names another driver.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pack, publicPackages } from './pack.mjs';

const EXAMPLE = resolve(import.meta.dirname, '../examples/own-kernel');
const SOFTWARE = '/usr/lib/chromium/vk_swiftshader_icd.json';

const folder = mkdtempSync(join(tmpdir(), 'arena-own-kernel-'));
try {
  const project = join(folder, 'project');
  const left = /\/(node_modules|dist|package-lock\.json|\w+\.generated\.ts)$/;
  cpSync(EXAMPLE, project, { recursive: true, filter: (path) => !left.test(path) });
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  for (const { name, path } of publicPackages()) {
    if (name in manifest.dependencies) manifest.dependencies[name] = `file:${pack(path, folder)}`;
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--silent']);
  const dawn = join(process.env.ARENA_DAWN ?? folder, 'node_modules/webgpu');
  if (existsSync(dawn)) symlinkSync(dawn, join(project, 'node_modules/webgpu'));
  mkdirSync(join(folder, 'runtime'));
  run('npm', ['test'], {
    ...(existsSync(SOFTWARE) ? { VK_DRIVER_FILES: process.env.VK_DRIVER_FILES ?? SOFTWARE } : {}),
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? join(folder, 'runtime'), // or the loader of Vulkan complains
  });

  function run(command, args, environment = {}) {
    execFileSync(command, args, { cwd: project, stdio: 'inherit', env: { ...process.env, ...environment } });
  }
} finally {
  rmSync(folder, { recursive: true });
}
