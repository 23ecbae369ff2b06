/**
 * @file Follows pages as a newcomer: `node tools/tutorials.mjs [--write] [page...]` after a build. Pages are those of docs/tutorials,
 * docs/start and docs/how-to, or those whose path has a word in it. Each page's blocks run in order in an empty folder with an empty home, with
 * packages from a registry on this machine (release/registry.mjs):
 *   sh                  in bash; the folder that it ends in is where the next one begins
 *   sh background       left running until the page ends; the next block begins when it has printed an address
 *   js [src/main.js]    written to that file; any language
 *   sh no-run: reason   left out; text blocks as well
 *   <!-- page: {"url", "press", "see", "then", "and"} -->   opened in Chromium (release/page.mjs)
 * How-to pages have the command `arena` and the folder `demo` of `arena quickstart --out demo`. Prints a table, and with --write puts it into
 * docs/benchmarks/tutorials.md. Needs the npm registry.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { hasBrowser, lookAt } from './release/page.mjs';
import { newcomer, openRegistry } from './release/registry.mjs';

const DOCS = resolve(import.meta.dirname, '../docs');
const RESULTS = join(DOCS, 'benchmarks/tutorials.md');
const FOLDERS = ['start', 'tutorials', 'how-to'];
const BLOCK_SECONDS = 600;

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));

/** What a page tells its reader to do, in order. */
export function actionsOf(markdown) {
  const actions = [];
  const pattern = /^```(\w+)[ \t]*([^\n]*)\n([\s\S]*?)^```[ \t]*$|^<!-- page: (\{.*\}) -->$/gm;
  for (const [, language, info, text, page] of markdown.matchAll(pattern)) {
    if (page) actions.push({ kind: 'page', ...JSON.parse(page) });
    else if (language === 'text' || info.startsWith('no-run')) actions.push({ kind: 'skipped', text });
    else if (/^\[.+\]$/.test(info)) actions.push({ kind: 'file', file: info.slice(1, -1), text });
    else if (language === 'sh' && ['', 'background'].includes(info)) actions.push({ kind: info || 'sh', text });
    else
      throw new Error(
        `a block \`\`\`${language} ${info} is neither run, nor a file, nor marked no-run with its reason`,
      );
  }
  return actions;
}

async function main(args) {
  const wanted = args.filter((word) => !word.startsWith('--'));
  const pages = FOLDERS.flatMap((folder) => readdirSync(join(DOCS, folder)).map((name) => `${folder}/${name}`))
    .filter((page) => page.endsWith('.md') && (!wanted.length || wanted.some((word) => page.includes(word))))
    .map((page) => ({ page, actions: actionsOf(readFileSync(join(DOCS, page), 'utf8')) }))
    .filter(({ actions }) => actions.some(({ kind }) => kind !== 'skipped'));
  const work = mkdtempSync(join(tmpdir(), 'arena-tutorials-'));
  const registry = await openRegistry();
  const rows = [];
  try {
    const withDemo = pages.some(({ page }) => page.startsWith('how-to/'))
      ? await prepareDemo(work, registry.url)
      : undefined;
    for (const { page, actions } of pages) {
      const row = await follow(page, actions, work, registry.url, page.startsWith('how-to/') ? withDemo : undefined);
      rows.push(row);
      console.log(
        `${row.result === 'ok' ? 'ok    ' : 'FAILED'} ${page}: ${row.run} blocks, ${row.left} left out, ${row.seconds} s${row.seen ? `; ${row.seen}` : ''}`,
      );
      if (row.result !== 'ok') console.log(`       ${row.result.replaceAll('\n', '\n       ')}`);
    }
  } finally {
    registry.close();
    rmSync(work, { recursive: true, force: true, maxRetries: 3 });
  }
  const failed = rows.filter(({ result }) => result !== 'ok').length;
  console.log(`${rows.length} pages, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
  if (args.includes('--write')) writeTable(rows);
}

/** A folder with the command installed, and `demo`. */
async function prepareDemo(work, url) {
  const folder = join(work, 'how-to');
  const prefix = join(work, 'global');
  mkdirSync(folder);
  const env = newcomer(url, join(work, 'how-to-home'));
  env.PATH = [join(prefix, 'bin'), env.PATH].join(delimiter);
  const steps = `npm install --global --prefix ${prefix} @arena/cli && arena quickstart --out demo`;
  const { ok, output } = await inShell(steps, folder, env, work);
  if (!ok) throw new Error(output);
  return { demo: join(folder, 'demo'), env };
}

/** Does what the page says. */
async function follow(page, actions, work, url, prepared) {
  const folder = join(work, page.replace(/\W+/g, '-'));
  mkdirSync(folder);
  if (prepared) cpSync(prepared.demo, join(folder, 'demo'), { recursive: true });
  const env = prepared?.env ?? newcomer(url, `${folder}-home`);
  const left = actions.filter(({ kind }) => kind === 'skipped').length;
  const running = [];
  const begin = performance.now();
  let cwd = folder;
  let result = 'ok';
  const seen = [];
  for (const action of actions) {
    try {
      if (action.kind === 'file') {
        mkdirSync(dirname(join(cwd, action.file)), { recursive: true });
        writeFileSync(join(cwd, action.file), action.text);
      } else if (action.kind === 'sh') {
        const { ok, output, ended } = await inShell(action.text, cwd, env, work);
        if (!ok) throw new Error(`${action.text.trim()}\n---\n${output.trim().split('\n').slice(-25).join('\n')}`);
        cwd = ended;
      } else if (action.kind === 'background') {
        running.push(await inBackground(action.text, cwd, env));
      } else if (action.kind === 'page' && hasBrowser) {
        const { origin } = running.at(-1); // where the server really is, should the port have been taken
        seen.push(await lookAt(new URL(new URL(action.url).pathname, origin).href, action));
      }
    } catch (error) {
      result = error.message;
      break;
    }
  }
  for (const { child } of running) endGroup(child);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  return { page, run: actions.length - left, left, seconds, result, seen: seen.join(' | ') };
}

/** Runs a block. @returns what it printed, and the folder that it ended in. */
function inShell(text, cwd, env, work) {
  const place = join(work, 'ended-in');
  const child = spawn('bash', ['-c', `set -eo pipefail\n${text}\npwd > '${place}'`], { cwd, env, detached: true });
  return new Promise((done) => {
    let output = '';
    const add = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    const late = setTimeout(() => {
      output += `\nnot done in ${BLOCK_SECONDS} s`;
      endGroup(child);
    }, 1000 * BLOCK_SECONDS);
    child.on('close', (code) => {
      clearTimeout(late);
      done({ ok: code === 0, output, ended: code === 0 ? readFileSync(place, 'utf8').trim() : cwd });
    });
  });
}

/** Starts a server. Fulfilled when it has printed its address. */
function inBackground(text, cwd, env) {
  const child = spawn('bash', ['-c', `exec ${text}`], { cwd, env, detached: true });
  return new Promise((done, fail) => {
    let output = '';
    const add = (chunk) => {
      output += stripVTControlCharacters(String(chunk));
      const origin = output.match(/https?:\/\/[\w.-]+:\d+/)?.[0];
      if (origin) done({ child, origin });
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('close', () => fail(new Error(`${text.trim()}\n---\nended before it said where it is: ${output}`)));
    setTimeout(
      () => fail(new Error(`${text.trim()}\n---\nhas not said where it is in 60 s: ${output}`)),
      60_000,
    ).unref();
  });
}

function endGroup({ pid }) {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // it has ended
  }
}

function writeTable(rows) {
  const [begin, end] = ['<!-- table of tools/tutorials.mjs -->', '<!-- end of the table -->'];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const table = [
    line(['page', 'blocks', 'left out', 'seconds', 'result', 'what its pages said']),
    line(['---', '---', '---', '---', '---', '---']),
    ...rows.map(({ page, run, left, seconds, result, seen }) =>
      line([
        `[${page}](../${page})`,
        run,
        left || '',
        seconds,
        result === 'ok' ? 'ok' : 'fails',
        seen.replaceAll('|', ';'),
      ]),
    ),
  ];
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${date}, Node ${process.versions.node}, ${cpus().length} cores, load average ${loadavg()[2].toFixed(1)}`;
  const text = `${begin}\n\n${machine}.\n\n${table.join('\n')}\n\n${end}`;
  writeFileSync(
    RESULTS,
    readFileSync(RESULTS, 'utf8').replace(new RegExp(`${begin}[\\s\\S]*${end}`), () => text),
  );
}
