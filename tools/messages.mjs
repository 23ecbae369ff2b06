/**
 * @file What the packages say when something is wrong: `node tools/messages.mjs` writes docs/help/messages.md from the
 * sources, where each error is made by its class, and from docs/help/advice.json, which says what to do by package and
 * code. A test of @arena/cli fails when the page is out of date, or a code is without advice.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/help/messages.md');
const ADVICE = join(ROOT, 'docs/help/advice.json');
/** Packages whose messages meet nobody but their developers. */
const INNER = ['browser-tests', 'conformance'];
/** Errors of the language, which say that a caller is wrong, and no user's file. */
const LANGUAGE = ['TypeError', 'RangeError', 'SyntaxError', 'DOMException', 'ReferenceError'];
const HOLE = '…';

/** Every message of the sources, by package and code. Errors without a code have that of their source's folder. */
export function collectMessages() {
  const found = new Map();
  for (const folder of readdirSync(join(ROOT, 'packages')).sort()) {
    if (INNER.includes(folder)) continue;
    const files = sourcesOf(join(ROOT, 'packages', folder, 'src'));
    const messages = new Map();
    const shared = new Map(files.flatMap((file) => makersOf(file).filter(([, { isExported }]) => isExported)));
    const add = (code, text) => {
      const plain = text
        .replace(/\s+/g, ' ')
        .replace(/(… ?){2,}/g, '… ')
        .trim();
      if (!/[a-z]{3}/i.test(plain)) return;
      if (!messages.has(code)) messages.set(code, new Set());
      messages.get(code).add(plain);
    };
    for (const file of files) collectIn(file, join(ROOT, 'packages', folder, 'src'), shared, add);
    if (messages.size) found.set(`@arena/${folder}`, messages);
  }
  return found;
}

function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.as)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true));
}

/** The arguments of an error that is made here: its code, if it has one, and its message. */
function errorAt(node) {
  if (!ts.isNewExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  const name = node.expression.text;
  if (!/(Error|Refused|Refusal|Rejected|QueueFull|Interrupted)$/.test(name) || LANGUAGE.includes(name))
    return undefined;
  const [first, second] = node.arguments ?? [];
  if (name === 'Error' || name === 'InvalidArgumentError' || name === 'QueueFull')
    return { code: undefined, text: first };
  if (!second || ts.isObjectLiteralExpression(second)) return { code: undefined, text: first };
  return { code: first, text: second };
}

/** Functions that make errors from their arguments, by name. */
function makersOf(file) {
  const makers = [];
  const exported = new Set(
    file.statements
      .filter((one) => one.name && one.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
      .map((one) => one.name.text),
  );
  const visit = (node, name, params) => {
    const own = ts.isFunctionLike(node) && !ts.isMethodDeclaration(node);
    const named = own
      ? (node.name?.text ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : undefined))
      : undefined;
    if (named) [name, params] = [named, node.parameters.map((one) => one.name.getText())];
    const error = errorAt(node);
    if (error?.text && name) {
      const at = (expression) => (expression && ts.isIdentifier(expression) ? params.indexOf(expression.text) : -1);
      const holes = [];
      const text = textOf(error.text, (hole) => {
        const index = ts.isIdentifier(hole) ? params.indexOf(hole.text) : -1;
        if (index < 0) return HOLE;
        holes.push(index);
        return `\0${index}\0`;
      });
      const codeAt = at(error.code);
      const isSmall = text.replace(/\0\d+\0|…|[^a-z]/gi, '').length < 30; // else its own text says it
      if ((holes.length && isSmall) || codeAt >= 0) {
        makers.push([name, { text, codeAt, code: codeOf(error.code), isExported: exported.has(name) }]);
      }
    }
    ts.forEachChild(node, (child) => visit(child, name, params));
  };
  visit(file, undefined, []);
  return makers;
}

function collectIn(file, root, shared, add) {
  const makers = new Map([...shared, ...makersOf(file)]);
  const area = areaOf(relative(root, file.fileName).split(sep), root);
  const visit = (node, giver) => {
    const error = errorAt(node);
    if (ts.isVariableDeclaration(node)) giver ||= /^(reason|why|hint|advice|missing)$/i.test(node.name.getText());
    if (ts.isFunctionLike(node) && node.name)
      giver = /reason|hint|advice|why|withoutCheckpoint|unreachable|note/i.test(node.name.getText());
    if (giver && (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node))) {
      const text = textOf(node, () => HOLE);
      if (/(\w+\W+){4}/.test(text)) add(area, text); // words for a message that is put together elsewhere
    }
    if (error?.text) {
      for (const text of textsOf(error.text)) add(codeOf(error.code) ?? area, text);
    } else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && makers.has(node.expression.text)) {
      const { text, codeAt, code } = makers.get(node.expression.text);
      const filled = text.replace(/\0(\d+)\0/g, (_, index) => {
        const argument = node.arguments[Number(index)];
        return argument ? textOf(argument, () => HOLE) : HOLE;
      });
      const given = codeAt < 0 ? code : codeOf(node.arguments[codeAt]);
      add(given ?? area, filled);
    }
    ts.forEachChild(node, (child) => visit(child, giver));
  };
  visit(file, false);
}

/** What stands for a code where an error has none: the command or the folder of @arena/cli, or nothing in particular. */
function areaOf(path, root) {
  if (!root.endsWith(join('cli', 'src'))) return 'other';
  const [folder, file] = path;
  if (!file) return 'folders and files';
  return folder === 'commands' ? file.replace(/\.ts$/, '') : folder;
}

function codeOf(expression) {
  return expression && ts.isStringLiteralLike(expression) ? expression.text : undefined;
}

/** The texts that an expression can give: both sides of a choice. */
function textsOf(expression) {
  if (ts.isConditionalExpression(expression))
    return [...textsOf(expression.whenTrue), ...textsOf(expression.whenFalse)];
  return [textOf(expression, () => HOLE)];
}

/** A text with a mark in place of each value. */
function textOf(expression, holeOf) {
  if (ts.isStringLiteralLike(expression)) return expression.text;
  if (ts.isParenthesizedExpression(expression)) return textOf(expression.expression, holeOf);
  if (ts.isTemplateExpression(expression)) {
    const spans = expression.templateSpans.map((span) => `${textOf(span.expression, holeOf)}${span.literal.text}`);
    return expression.head.text + spans.join('');
  }
  if (ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return textOf(expression.left, holeOf) + textOf(expression.right, holeOf);
  }
  return holeOf(expression);
}

/**
 * The page, from the sources and the advice.
 * @throws Error naming codes without advice, and advice without a code.
 */
export function messagesPage() {
  const advice = JSON.parse(readFileSync(ADVICE, 'utf8'));
  const found = collectMessages();
  const keys = (groups) =>
    [...groups].flatMap(([name, codes]) => codes.filter((one) => one !== '*').map((code) => `${name} ${code}`));
  const inSources = keys([...found].map(([name, codes]) => [name, [...codes.keys()]]));
  const advised = keys(Object.entries(advice).map(([name, codes]) => [name, Object.keys(codes)]));
  const missing = inSources.filter((one) => !advised.includes(one));
  const unused = advised.filter((one) => !inSources.includes(one));
  if (missing.length) throw new Error(`docs/help/advice.json: says nothing of ${missing.join('; ')}`);
  if (unused.length) throw new Error(`docs/help/advice.json: no message has ${unused.join('; ')}`);
  const parts = [HEAD];
  for (const [name, codes] of found) {
    parts.push(`## ${name}\n`);
    if (advice[name]['*']) parts.push(`${advice[name]['*']}\n`);
    for (const code of [...codes.keys()].sort()) {
      parts.push(`### ${name.replace('@arena/', '')}: ${code}\n\n${advice[name][code]}\n`);
      parts.push(
        `${[...codes.get(code)]
          .sort()
          .map((text) => `- ${quoted(text)}`)
          .join('\n')}\n`,
      );
    }
  }
  return parts.join('\n');
}

const HEAD = `# Messages, and what to do

Each message says what was read, what was expected and, where it can, what to do. ${HOLE} stands for a value: a file, a row, a number. The
messages stand by package and by the \`code\` of its error (\`error.code\`, for programs); those of the command by command.
To find one, search for words that are no values. Messages of the system (ENOENT: nothing is there; EACCES: no rights; ENOSPC: no room)
and of the runtime stand in brackets or after the file.

This page is made from the sources by \`node tools/messages.mjs\`, the advice is in advice.json beside it.
`;

/** A text as code of markdown. */
function quoted(text) {
  if (!text.includes('`')) return `\`${text}\``;
  const pad = /^`|`$/.test(text) ? ' ' : '';
  return `\`\`${pad}${text}${pad}\`\``;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(PAGE, messagesPage());
