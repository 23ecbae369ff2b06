/**
 * @file A registry on this machine with the public packages as a release would publish them: a copy of the tree, `changeset version`,
 * `pnpm -r publish`. Names of other scopes are fetched from the registry that npm is set to.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const VERDACCIO = 'verdaccio@6';
const PNPM = ['-y', JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).packageManager];

/**
 * Publishes the packages of the working tree, which has to be built, to a registry that only this machine reaches.
 * @returns its address, the published manifests, the folder of the copy, and `close`.
 */
export async function openRegistry(say = console.log) {
  const folder = mkdtempSync(join(tmpdir(), 'arena-registry-'));
  const timed = async (what, action) => {
    const begin = performance.now();
    const value = await action();
    say(`${what}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    return value;
  };
  let server;
  const close = () => {
    server?.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const tree = join(folder, 'tree');
    await timed('a copy of the tree', () => copyTree(tree));
    await timed('changeset version', () => run(process.execPath, ['tools/release/version.mjs'], tree));
    const program = await timed('a registry', () => verdaccio(folder));
    const port = await freePort();
    const url = `http://localhost:${port}/`;
    server = await startServer(program, folder, port);
    writeFileSync(join(folder, 'publisher.npmrc'), `//localhost:${port}/:_authToken="anybody"\n`);
    const arguments_ = [...PNPM, '-r', 'publish', '--access', 'public', '--no-git-checks', '--registry', url];
    await timed('pnpm -r publish', () =>
      run('npx', arguments_, tree, { npm_config_userconfig: join(folder, 'publisher.npmrc') }),
    );
    return { url, tree, published: await publishedPackages(tree, url), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * What a newcomer's terminal has: an empty home, and no setting of npm but the registry.
 * @param node Folder of the `node` to use, in place of the one that runs this.
 */
export function newcomer(url, home, node = dirname(process.execPath)) {
  mkdirSync(home, { recursive: true });
  const { LANG, SHELL, TMPDIR, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env;
  const known = { LANG, SHELL, TMPDIR, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE };
  return {
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
    PATH: [node, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    HOME: home,
    npm_config_registry: url,
  };
}

/** The tree as it is, committed or not, with its builds. */
function copyTree(tree) {
  run('git', ['clone', '--quiet', '--shared', ROOT, tree], ROOT);
  const changed = execFileSync('git', ['ls-files', '-mo', '-z', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of changed.split('\0').filter(Boolean)) {
    if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(tree, file));
    else rmSync(join(tree, file), { force: true });
  }
  run('npx', [...PNPM, 'install', '--frozen-lockfile', '--prefer-offline', '--ignore-scripts'], tree);
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const dist = join('packages', name, 'dist');
    if (existsSync(join(ROOT, dist))) cpSync(join(ROOT, dist), join(tree, dist), { recursive: true });
  }
}

/** The program of the registry: from the folder that ARENA_VERDACCIO names, or installed beside the copy. */
function verdaccio(folder) {
  const given = process.env.ARENA_VERDACCIO;
  if (!given) {
    // it asks for node-fetch by a tag, which not every mirror of npm has
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, overrides: { 'node-fetch': '2.7.0' } }),
    );
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', VERDACCIO], folder);
  }
  return join(given ?? folder, 'node_modules/verdaccio/bin/verdaccio');
}

async function startServer(program, folder, port) {
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { cwd: tmpdir(), encoding: 'utf8' }).trim();
  const config = {
    storage: join(folder, 'storage'),
    listen: `localhost:${port}`,
    uplinks: { upstream: { url: upstream, timeout: '120s', cache: true } },
    packages: {
      '@arena/*': { access: '$all', publish: '$all' }, // nowhere else is asked for these
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '100mb',
    log: { type: 'stdout', level: 'warn' },
  };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config)); // JSON is YAML
  const server = spawn(process.execPath, [program, '--config', join(folder, 'config.yaml')], { stdio: 'ignore' });
  for (let i = 0; i < 200; i++) {
    if (await answers(`http://localhost:${port}/-/ping`)) return server;
    if (server.exitCode !== null) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  server.kill();
  throw new Error('the registry did not start');
}

/** What the registry says of each public package. @throws Error for one that is not there, or not at the version of the tree. */
async function publishedPackages(tree, url) {
  const found = [];
  for (const folder of readdirSync(join(tree, 'packages'))) {
    const own = JSON.parse(readFileSync(join(tree, 'packages', folder, 'package.json'), 'utf8'));
    if (own.private) continue;
    const response = await fetch(`${url}${own.name.replace('/', '%2f')}`);
    if (!response.ok) throw new Error(`${own.name}: the registry answers ${response.status}`);
    const { versions } = await response.json();
    if (!versions[own.version]) throw new Error(`${own.name}@${own.version} was not published`);
    found.push(versions[own.version]);
  }
  return found;
}

function answers(url) {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, 'localhost', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

function run(command, args, cwd, env = {}) {
  try {
    return execFileSync(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe', maxBuffer: 2 ** 28 });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}:\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  }
}
