/**
 * @file A dry run of a release: `node tools/release.mjs [--write] [case...]` after a build. Publishes all public packages to a registry on
 * this machine (release/registry.mjs), and uses them as people would (release/users.mjs): in empty folders with an empty home, on Node 20,
 * 22 and 24, with bundlers, Deno and Bun. Prints a table, and with --write puts it into docs/benchmarks/release.md.
 * `--shell` opens a terminal in which npm knows the packages, to follow the tutorials by hand.
 * Needs the npm registry. ARENA_VERDACCIO: a folder with the package verdaccio, in place of installing it.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { hasBrowser, lookAt, serveFolder } from './release/page.mjs';
import { newcomer, openRegistry } from './release/registry.mjs';
import { CASES, PAGE_SAID } from './release/users.mjs';

const PAGE = resolve(import.meta.dirname, '../docs/benchmarks/release.md');
const args = process.argv.slice(2);
const wanted = args.filter((word) => !word.startsWith('--'));
const work = mkdtempSync(join(tmpdir(), 'arena-release-'));
const registry = await openRegistry();
try {
  if (args.includes('--shell')) await openShell();
  else await dryRun();
} finally {
  registry.close();
  rmSync(work, { recursive: true, force: true, maxRetries: 3 });
}

async function openShell() {
  console.log(`npm of this terminal knows @arena/* (${registry.url}); "exit" ends it, and the registry`);
  const env = { ...process.env, npm_config_registry: registry.url };
  await new Promise((done) => spawn(process.env.SHELL || 'bash', { stdio: 'inherit', env }).on('exit', done));
}

async function dryRun() {
  const problems = manifestProblems();
  for (const problem of problems) console.log(`FAILED ${problem}`);
  const rows = [];
  for (const one of CASES) {
    if (wanted.length && !wanted.some((word) => one.name.includes(word))) continue;
    const row = await tryOut(one);
    rows.push(row);
    const { name, install, run, megabytes, warnings, result } = row;
    console.log(`${result === 'ok' ? 'ok    ' : 'FAILED'} ${name}: ${install} + ${run} s, ${megabytes} MB`);
    for (const line of [...warnings, ...(result === 'ok' ? [] : [row.output])]) console.log(`       ${line}`);
  }
  const failed = problems.length + rows.filter(({ result }) => result !== 'ok').length;
  console.log(`${rows.length} cases, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
  if (args.includes('--write')) writeTable(rows);
}

/** What npm and its readers need of each published manifest. */
function manifestProblems() {
  const versions = new Set(registry.published.map(({ version }) => version));
  const own = new Set(registry.published.map(({ name }) => name));
  return [
    ...(versions.size === 1 ? [] : [`the packages have several versions: ${[...versions].join(', ')}`]),
    ...registry.published.flatMap(({ name, version, ...manifest }) => {
      const needed = { ...manifest.dependencies, ...manifest.peerDependencies };
      return [
        ...['description', 'license', 'homepage', 'repository', 'bugs', 'keywords', 'engines'].filter(
          (field) => !manifest[field],
        ),
        ...(manifest.repository?.directory?.startsWith('packages/') ? [] : ['repository.directory, for provenance']),
        ...Object.entries(needed)
          .filter(([other, range]) => own.has(other) && range !== `^${version}`)
          .map(([other, range]) => `${other} at ^${version}; it says ${range}`),
        ...Object.entries(needed)
          .filter(([, range]) => /^(workspace|catalog|file|link):/.test(range))
          .map(([other, range]) => `a range of ${other}; it says ${range}`),
      ].map((what) => `${name} lacks ${what}`);
    }),
  ];
}

async function tryOut({ name, node, install = [], files = {}, steps, page, measure }) {
  const folder = join(work, name.replace(/\W+/g, '-'));
  const home = `${folder}-home`;
  mkdirSync(folder, { recursive: true });
  const env = newcomer(registry.url, home, node && nodeOf(node));
  const shell = (command) => {
    const begin = performance.now();
    const { status, stdout, stderr, signal } = spawnSync('bash', ['-c', command], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 600_000,
      maxBuffer: 2 ** 28,
    });
    return {
      ok: status === 0,
      output: `${stdout}${stderr}${signal ?? ''}`,
      seconds: (performance.now() - begin) / 1000,
    };
  };
  const version = shell('node --version').output.trim();
  const outputs = [];
  let installed = { ok: true, seconds: 0 };
  if (install.length) {
    shell('npm init -y && npm pkg set type=module private=true');
    installed = shell(`npm install ${install.join(' ')}`);
    outputs.push(installed.output);
  }
  const megabytes = () =>
    (bytesOf(measure ? join(home, '.npm', measure) : join(folder, 'node_modules')) / 1e6).toFixed(1);
  const size = install.length ? megabytes() : undefined;
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  let result = installed.ok ? 'ok' : 'npm install fails';
  let seconds = 0;
  for (const { command, says } of steps) {
    if (result !== 'ok') break;
    const ran = shell(command);
    seconds += ran.seconds;
    outputs.push(ran.output);
    const plain = stripVTControlCharacters(ran.output);
    const said = says === undefined || (says instanceof RegExp ? says.test(plain) : plain.includes(says));
    if (!ran.ok || !said) result = `${command} fails`;
  }
  if (page && result === 'ok' && hasBrowser) {
    const served = await serveFolder(join(folder, page));
    const begin = performance.now();
    await lookAt(served.url, { see: PAGE_SAID.replace(/[()]/g, '\\$&') }, 120).catch((error) => {
      result = 'the built page fails';
      outputs.push(error.message);
    });
    seconds += (performance.now() - begin) / 1000;
    served.close();
  }
  const warnings = [
    ...new Set(
      outputs
        .join('\n')
        .split('\n')
        .filter((line) => /\bwarn(ing)?\b/i.test(line))
        .map((line) => line.trim()),
    ),
  ];
  const tail = outputs.join('\n').trim().split('\n').slice(-40).join('\n       ');
  const row = {
    name,
    version,
    install: installed.seconds.toFixed(0),
    run: seconds.toFixed(0),
    megabytes: size ?? megabytes(),
    warnings,
    result,
    output: tail,
  };
  rmSync(folder, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
  return row;
}

/** The folder of a Node of that version, from npm. */
function nodeOf(version) {
  if (process.versions.node.startsWith(`${version}.`)) return dirname(process.execPath);
  const prefix = join(work, `node-${version}`);
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const bin = join(prefix, 'node_modules', name, 'bin');
  if (!existsSync(bin)) {
    const { status, stderr } = spawnSync(
      'npm',
      ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@${version}`],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`Node ${version} could not be installed: ${stderr}`);
  }
  return bin;
}

function bytesOf(path) {
  if (!existsSync(path)) return 0;
  const stat = lstatSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, one) => sum + bytesOf(join(path, one)), 0) : stat.size;
}

function writeTable(rows) {
  const [begin, end] = ['<!-- table of tools/release.mjs -->', '<!-- end of the table -->'];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const table = [
    line(['case', 'node', 'npm install, s', 'MB', 'run, s', 'warnings', 'result']),
    line(['---', '---', '---', '---', '---', '---', '---']),
    ...rows.map(({ name, version, install, megabytes, run, warnings, result }) =>
      line([name, version, install, megabytes, run, warnings.length || '', result]),
    ),
  ];
  const warnings = rows.flatMap(({ name, warnings }) => warnings.map((one) => `- ${name}: \`${one.slice(0, 200)}\``));
  const [{ version }] = registry.published;
  const date = new Date().toISOString().slice(0, 10);
  const text = `${begin}\n\n${date}, version ${version} of ${registry.published.length} packages, ${cpus().length} cores.\n\n${table.join('\n')}\n\n${
    warnings.length ? `Warnings that a user sees:\n\n${warnings.join('\n')}\n\n` : ''
  }${end}`;
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    page.replace(new RegExp(`${begin}[\\s\\S]*${end}`), () => text),
  );
}
