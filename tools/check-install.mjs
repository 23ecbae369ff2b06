/**
 * @file The tarballs as an application has them: `pnpm check:install`. A project outside the workspace takes them with
 * pnpm, bundles five imports with Vite, and runs the bundle and the packages themselves in Node. (npm's turn is
 * check-packages.mjs.) Needs the npm registry or a full cache.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publicPackages } from './pack.mjs';

/** Five imports, and what they do. */
const APPLICATION = `
import { quantize4bit } from '@arena/quant';
import { serialize } from '@arena/safetensors';
import { trainBpe } from '@arena/tokenizer';
import { readBattles, syntheticBattles } from '@arena/data';
import { accuracy } from '@arena/eval/metrics';

const { codes, absmax } = quantize4bit(Float32Array.from({ length: 64 }, (_, i) => i - 32), [64]);
const file = serialize([{ name: 'codes', dtype: 'U8', shape: [32], data: codes }]);
console.log(absmax[0], file.length, typeof trainBpe, typeof readBattles, typeof syntheticBattles, accuracy([0.9, 0.2], [1, 1]));
`;
const SAID = '32 136 function function function 0.5'; // 8 bytes of length, 96 of header, 32 of codes

const { npm_execpath: pnpm } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'arena-install-'));
const tarballs = publicPackages().map(({ name, path }) => [name, `file:${pack(path, folder)}`]);
const wanted = ['@arena/quant', '@arena/safetensors', '@arena/tokenizer', '@arena/data', '@arena/eval'];
const dependencies = Object.fromEntries(tarballs.filter(([name]) => wanted.includes(name)));
const manifest = {
  private: true,
  type: 'module',
  dependencies: { ...dependencies, vite: '^8.0.0' },
  pnpm: { overrides: Object.fromEntries(tarballs) },
};
writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
writeFileSync(join(folder, 'index.html'), '<script type="module" src="/main.js"></script>');
writeFileSync(join(folder, 'vite.config.js'), 'export default { build: { modulePreload: { polyfill: false } } };'); // runs in Node too
writeFileSync(join(folder, 'main.js'), APPLICATION);
const run = (command, args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8' }).trim();
run(process.execPath, [pnpm, 'install', '--ignore-scripts', '--prefer-offline', '--ignore-workspace']);
run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error']);
const [bundle] = readdirSync(join(folder, 'dist/assets')).filter((one) => /^index-.*\.js$/.test(one));
let failed = 0;
for (const [what, file] of Object.entries({ 'the packages': 'main.js', 'the bundle': join('dist/assets', bundle) })) {
  const said = run(process.execPath, [file]);
  if (said !== SAID) failed++;
  console.log(`${said === SAID ? 'ok' : `FAILED: ${said}`} ${what} in Node`);
}
rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
