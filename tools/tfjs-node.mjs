/**
 * @file Installs the real tfjs-node in a folder of its own and prints that folder: `node tools/tfjs-node.mjs [folder]`. Its install
 * script would download a binary from a store; here the binding is built from what npm and PyPI carry (g++, npm, python3 with pip).
 * The folder shares this repository's copy of tfjs-core, so engine `tensorflow` opens for a process whose working directory it is:
 *   cd "$(node tools/tfjs-node.mjs)" && node <repository>/packages/cli/dist/bin.js doctor
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const VERSIONS = { tfjs: '4.22.0', headers: '1.9.0', tensorflow: '2.21.0' };
const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const folder = resolve(
  process.argv[2] ?? join(caches, 'arena', `tfjs-node-${VERSIONS.tfjs}-tf-${VERSIONS.tensorflow}`),
);
/** Of the wheel only the C API, what it includes, and the two libraries are kept. */
const UNPACK = `
import sys, zipfile
keep = tuple('tensorflow/' + name for name in (
    'include/tensorflow/c/', 'include/tensorflow/core/', 'include/xla/tsl/', 'include/tsl/', 'include/absl/',
    'libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'))
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall('.', [name for name in wheel.namelist() if name.startswith(keep)])
`;

const binding = join(folder, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');

if (!(await exists(binding))) await install();
await shareCore();
console.log(folder);

async function install() {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.tmp-`);
  try {
    await writeFile(join(work, 'package.json'), '{ "private": true }\n');
    const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    run('npm', [...npm, `@tensorflow/tfjs-node@${VERSIONS.tfjs}`, `node-api-headers@${VERSIONS.headers}`], work);
    const wheel = `tensorflow-cpu==${VERSIONS.tensorflow}`;
    run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', work, wheel], work);
    const archive = (await readdir(work)).find((name) => name.endsWith('.whl'));
    run('python3', ['-c', UNPACK, archive], work);
    await rm(join(work, archive));
    await build(work);
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function build(work) {
  const tfjs = join(work, 'node_modules/@tensorflow/tfjs-node');
  const out = join(tfjs, 'lib/napi-v8');
  await mkdir(out, { recursive: true });
  const includes = [tfjs, join(work, 'node_modules/node-api-headers/include'), join(work, 'tensorflow/include')];
  run('g++', [
    ...['-std=c++17', '-O1', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'],
    ...includes.flatMap((path) => ['-I', path]),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(tfjs, 'binding', name)),
    ...['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'].map((name) => join(work, 'tensorflow', name)),
    // the folder is renamed into place afterwards
    '-Wl,-rpath,$ORIGIN/../../../../../tensorflow',
    ...['-o', join(out, 'tfjs_binding.node')],
  ]);
}

/** Two copies of tfjs-core would be two engines: the folder's becomes a link to this repository's. */
async function shareCore() {
  const require = createRequire(new URL('../packages/runtime/package.json', import.meta.url));
  const core = dirname(dirname(require.resolve('@tensorflow/tfjs-core')));
  const link = join(folder, 'node_modules/@tensorflow/tfjs-core');
  if ((await realpath(link).catch(() => '')) === (await realpath(core))) return;
  await rm(link, { recursive: true, force: true });
  await symlink(core, link);
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
}

function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}
