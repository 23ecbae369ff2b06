/**
 * @file Checks of the code blocks of pages: shell is parsed and its `arena` lines by the real program, TypeScript and
 * JavaScript are compiled, JSON and Python are parsed. A block that nothing runs says why: `no-run: REASON` after its
 * language; one that cannot even be compiled: `no-check: REASON`. A block that goes on from the one before it has the
 * word `continued`; names that it leaves to the reader are declared by a comment before it, `<!-- given: declare … -->`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { publicPackages } from '../pack.mjs';
import { blocksOf } from './markdown.mjs';
import { complaintOf } from './program.mjs';
import { commandsOf } from './shell.mjs';

const ROOT = join(import.meta.dirname, '../..');
const SHELL = ['sh', 'bash', 'shell', 'console'];
const SCRIPT = ['ts', 'js', 'mjs', 'tsx', 'jsx'];
/** First words of a block without a language that make it one of shell. */
const STARTS = ['arena', 'npx', 'npm', 'node', 'pnpm', 'git', 'mpirun'];

/** Who runs blocks, by page. The others need a mark unless a check of their own says enough. */
const RUNNERS = [
  {
    by: 'tools/check-packages.mjs',
    runs: ({ page, lang, isFirst }) => isReadme(page) && isFirst && SCRIPT.includes(lang),
  },
  {
    by: 'tools/interop/python-page.mjs',
    runs: ({ page, lang }) => page === 'docs/guide/python.md' && lang === 'python',
  },
  { by: 'tools/tutorials.mjs', runs: ({ page }) => /^docs\/(tutorials\/|start\/five-minutes)/.test(page) },
];

/** Commands that touch nothing but the folder they run in. */
const PLAIN = ['alias', 'cat', 'cd', 'cp', 'echo', 'export', 'head', 'ls', 'mkdir', 'mv', 'printf', 'rm', 'tail'];

const isReadme = (page) => /^packages\/[^/]+\/README\.md$/.test(page);

/**
 * What is wrong with the blocks of pages.
 * @param pages Texts by path within the repository.
 * @returns {Promise<string[]>} a line each: path, line, what.
 */
export async function blockProblems(pages) {
  const problems = [];
  const scripts = [];
  const python = [];
  for (const [page, text] of pages) {
    const blocks = blocksOf(text);
    for (const block of blocks) {
      const { lang, mark, reason, code, line } = block;
      const say = (what, at = 0) => problems.push(`${page}:${line + at}: ${what}`);
      const isFirst = blocks.find((one) => SCRIPT.includes(one.lang) && !one.mark) === block;
      const runner = RUNNERS.find(({ runs }) => runs({ page, lang, isFirst }));
      if (runner && !existsSync(join(ROOT, runner.by))) say(`${runner.by} is to run it and does not exist`);
      if (mark && !reason) say(`${mark} needs its reason: \`\`\`${lang} ${mark}: REASON`);
      const excused = Boolean(mark || runner);
      if (SHELL.includes(lang) || (!lang && looksLikeShell(code))) {
        for (const problem of await shellProblems(code, dirname(page), excused)) say(problem);
      } else if (mark === 'no-check') continue;
      else if (lang === 'json') parse(code, say);
      else if (lang === 'jsonl') for (const row of code.trim().split('\n')) parse(row, say);
      else if (lang === 'python') {
        python.push({ page, line, code });
        if (!excused) say('nothing runs this block: mark it `no-run: REASON`');
      } else if (SCRIPT.includes(lang) && !runner) scripts.push({ page, ...block });
    }
  }
  return [...problems, ...scriptProblems(scripts), ...pythonProblems(python)];
}

function parse(code, say) {
  try {
    JSON.parse(code);
  } catch (error) {
    say(`no JSON: ${error.message}`);
  }
}

function looksLikeShell(code) {
  return commandsOf(code).some(([word]) => STARTS.includes(word));
}

/** What is wrong with a block of shell. @param isExcused Whether it is run elsewhere, or says why not. */
async function shellProblems(code, folder, isExcused) {
  const syntax = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
  if (syntax.status) return [`no shell: ${syntax.stderr.trim().split('\n')[0]}`];
  const problems = [];
  let place = folder;
  for (const command of commandsOf(code)) {
    const said = await commandProblem(command, place);
    if (command[0] === 'cd' && existsSync(join(ROOT, command[1] ?? ''))) place = command[1];
    if (said === UNKNOWN) {
      if (!isExcused)
        problems.push(`nothing runs \`${command.slice(0, 3).join(' ')}\`: mark the block \`no-run: REASON\``);
    } else if (said) problems.push(`\`${command.slice(0, 3).join(' ')} …\`: ${said}`);
  }
  return problems;
}

const UNKNOWN = Symbol('a command of somebody else');

/** What is wrong with a command of a block; UNKNOWN where this cannot say it. */
async function commandProblem(words, folder) {
  const at = words.findIndex(
    (word) => word === 'arena' || word.endsWith('packages/cli/dist/bin.js') || /^@arena\/cli(@|$)/.test(word),
  );
  const [first, ...rest] = words;
  const isInstall = ['npm', 'pnpm', 'yarn', 'deno', 'bun'].includes(first) && ['install', 'i', 'add'].includes(rest[0]);
  if (at >= 0 && !isInstall && (at > 0 || words[at] === 'arena'))
    return complaintOf(words.slice(at + 1), (name) => [join(ROOT, name)].find(existsSync));
  if (isInstall) {
    const wrong = rest.find((word) => word.startsWith('@arena/') && !packageNames.has(word.replace(/(?<=.)@.*$/, '')));
    return wrong && `there is no package ${wrong}`;
  }
  if (first === 'npx' && /^pnpm@/.test(rest.find((word) => !word.startsWith('-')) ?? ''))
    return pnpmProblem(rest.slice(rest.findIndex((word) => /^pnpm@/.test(word)) + 1), folder);
  if (first === 'npx' && rest[0] === 'vitest') {
    const project = rest[rest.indexOf('--project') + 1].replace(/:.*/, '');
    return projects.has(project) ? undefined : `there is no project ${project}`;
  }
  if (first === 'npx' && rest[0] === 'arena-build-wasm') return undefined;
  if (first === 'node' && /\.m?js$/.test(rest[0] ?? ''))
    return [ROOT, join(ROOT, folder)].some((one) => existsSync(join(one, rest[0]))) ? undefined : UNKNOWN;
  return PLAIN.includes(first) ? undefined : UNKNOWN;
}

const packageNames = new Set(publicPackages().map(({ name }) => name));
const manifestOf = (folder) => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
const manifests = ['packages', 'examples'].flatMap((place) =>
  readdirSync(join(ROOT, place))
    .filter((name) => existsSync(join(ROOT, place, name, 'package.json')))
    .map((name) => manifestOf(join(place, name))),
);
const projects = new Set(['tools', ...manifests.map(({ name }) => name)]);

function pnpmProblem([word = 'install', ...rest], folder) {
  if (word === '--filter') {
    const { scripts } = manifests.find(({ name }) => name === rest[0]) ?? {};
    return scripts && rest[1] in scripts ? undefined : `${rest[0]} has no script '${rest[1]}'`;
  }
  const scripts = ['.', folder]
    .filter((one) => existsSync(join(ROOT, one, 'package.json')))
    .flatMap((one) => Object.keys(manifestOf(one).scripts ?? {}));
  const name = word === 'run' ? rest[0] : word;
  const own = ['install', 'pack', 'changeset', 'publish', 'exec'];
  return [...scripts, ...own].includes(name) ? undefined : `package.json has no script '${name}'`;
}

/** What TypeScript says of blocks, each a module of its own, or with the one before it. */
function scriptProblems(blocks) {
  const modules = [];
  for (const block of blocks) {
    const last = modules.at(-1);
    if (block.words.includes('continued') && last?.page === block.page) last.parts.push(block);
    else modules.push({ page: block.page, parts: [block] });
  }
  const files = new Map();
  modules.forEach(({ page, parts }, i) => {
    const name = `page-${i}.${/x$/.test(parts[0].lang) ? 'tsx' : 'ts'}`;
    let text = '';
    const starts = parts.map(({ code, line, given = '' }) => {
      text += `${given.replace(/\s+/g, ' ')}\n`;
      const begin = text.split('\n').length;
      text += code;
      return { begin, line };
    });
    files.set(join(ROOT, folderFor(page), name), { page, starts, parts, text: `${text}\nexport {};\n` });
  });
  if (!files.size) return [];
  const read = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(read, ts.sys, ROOT);
  Object.assign(options, { noImplicitAny: false, verbatimModuleSyntax: false, jsx: ts.JsxEmit.ReactJSX });
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (path) => files.get(path)?.text ?? readFile(path);
  host.fileExists = (path) => files.has(path) || fileExists(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, { page, starts, parts }]) => {
    const source = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found
      .filter(({ messageText }) => !isUntyped(messageText, parts))
      .map(({ start, messageText }) => {
        const at = source.getLineAndCharacterOfPosition(start ?? 0).line + 1;
        const part = starts.findLast(({ begin }) => begin <= at) ?? starts[0];
        const what = ts.flattenDiagnosticMessageText(messageText, ' ');
        return `${page}:${part.line + 1 + at - part.begin}: ${what}`;
      });
  });
}

/** A complaint about what JavaScript cannot say: the type of an options object. */
const isUntyped = (message, parts) => parts[0].lang === 'js' && /on type '\{\}'\.$/.test(String(message));

/** A folder from which a page's imports resolve. */
function folderFor(page) {
  if (/^(packages|examples)\/[^/]+\//.test(page)) return dirname(page);
  return 'packages/cli';
}

/** Blocks that Python cannot parse. */
function pythonProblems(blocks) {
  if (!blocks.length) return [];
  const script = `import ast, json, sys
for at, code in enumerate(json.load(sys.stdin)):
    try: ast.parse(code)
    except SyntaxError as error: print(json.dumps([at, error.lineno, error.msg]))`;
  try {
    const input = JSON.stringify(blocks.map(({ code }) => code));
    const said = execFileSync('python3', ['-c', script], { input, encoding: 'utf8' });
    return said
      .split('\n')
      .filter(Boolean)
      .map((row) => {
        const [at, line, what] = JSON.parse(row);
        return `${blocks[at].page}:${blocks[at].line + line}: no Python: ${what}`;
      });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    console.log(`python3 is not here: ${blocks.length} blocks of Python are not parsed`);
    return [];
  }
}
