/**
 * @file Pages of the reference that are made from the sources: `node tools/docs/reference.mjs` writes them, the gate
 * compares them. Commands come from commander, settings from the schema of @arena/judge, the report from the types of
 * @arena/eval. Pages by hand that have to name every variable, column or setting are held against the sources, too.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { commands } from './program.mjs';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'docs/reference');
const MADE = 'This page is made by `node tools/docs/reference.mjs`';
/** Variables of the environment that users set; the sources name others of their own making. */
const VARIABLE =
  /\b(?:ARENA_[A-Z_]+|HF_[A-Z_]+|HUGGING[A-Z_]+|TRANSFORMERS_OFFLINE|XDG_CACHE_HOME|CUDA_VISIBLE_DEVICES|LOCALAPPDATA|(?:HTTPS?|ALL|NO)_PROXY)\b/g;

/** The pages, by name. */
export async function referencePages() {
  const pages = [
    ['commands.md', commandsPage(await commands())],
    ['config.md', await configPage()],
    ['report.md', reportPage()],
  ];
  return new Map(pages.map(([name, text]) => [name, formatted(name, text)]));
}

/** The page as biome leaves it, with its tables in line. */
function formatted(name, text) {
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const args = [biome, 'format', `--stdin-file-path=docs/reference/${name}`];
  return execFileSync(process.execPath, args, { cwd: ROOT, input: text, encoding: 'utf8' });
}

/** Pages that differ from what the sources say. @returns {Promise<string[]>} */
export async function referenceProblems() {
  const problems = [];
  for (const [name, text] of await referencePages()) {
    if (read(join(FOLDER, name)) !== text)
      problems.push(`docs/reference/${name}: is out of date: node tools/docs/reference.mjs`);
  }
  const { COLUMNS, SCHEMAS } = await built('data', 'read/schema.js');
  return [
    ...problems,
    ...missing('data-formats.md', [...COLUMNS, ...SCHEMAS]),
    ...missing('environment.md', variables()),
  ];
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const built = (name, path) => import(pathToFileURL(join(ROOT, 'packages', name, 'dist', path)).href);

/** What a page by hand leaves out of names in the sources. */
function missing(page, names) {
  const text = read(join(FOLDER, page));
  return names
    .filter((name) => !text.includes(`\`${name}\``))
    .map((name) => `docs/reference/${page}: does not name \`${name}\``);
}

/** Variables of the environment that the sources of public packages name. */
function variables() {
  const found = new Set();
  for (const folder of readdirSync(join(ROOT, 'packages'))) {
    if (['browser-tests', 'conformance'].includes(folder)) continue;
    const source = join(ROOT, 'packages', folder, 'src');
    for (const file of readdirSync(source, { recursive: true })) {
      if (!/\.ts$/.test(file)) continue;
      for (const [name] of readFileSync(join(source, file), 'utf8').matchAll(VARIABLE)) found.add(name);
    }
  }
  return [...found].sort();
}

/** Text for a cell of a table. */
const cell = (text) => String(text).replace(/\s+/g, ' ').replace(/</g, '&lt;').replace(/\|/g, '\\|').trim();
const code = (text) => `\`${String(text).replace(/\|/g, '\\|')}\``;
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

function commandsPage(all) {
  const parts = [
    '# Commands',
    `Every command of \`arena\` with its flags, as \`arena COMMAND --help\` prints them. ${MADE}.`,
    `Every command also takes \`--config FILE\`, its flags as JSON ([settings](config.md)), and \`--help\`. A flag on the command line wins over the file, and \`--no-x\` undoes a switch \`--x\`.`,
    table(
      ['command', 'what it does'],
      all.map((one) => [`[\`${one.name()}\`](#arena-${one.name()})`, cell(one.description())]),
    ),
  ];
  for (const command of all) {
    parts.push(`## arena ${command.name()}`, sentence(command.description()));
    parts.push(`\`\`\`text\narena ${command.name()} ${command.usage()}\n\`\`\``);
    const given = command.registeredArguments.map((one) => [code(one.name()), cell(one.description)]);
    if (given.length) parts.push(table(['argument', 'meaning'], given));
    const shown = command.options.filter(({ hidden }) => !hidden);
    for (const group of new Set(shown.map((one) => one.helpGroupHeading))) {
      if (group) parts.push(`### ${group.replace(/:$/, '')}`);
      const options = shown.filter((one) => one.helpGroupHeading === group);
      parts.push(table(['flag', 'meaning', 'default'], options.map(optionRow)));
    }
    const after = helpAfter(command).trim();
    if (after) parts.push(`\`\`\`text\n${after}\n\`\`\``);
  }
  return `${parts.join('\n\n')}\n`;
}

const sentence = (text) => `${cell(text[0].toUpperCase() + text.slice(1))}.`;

function optionRow({ flags, description, argChoices, mandatory, defaultValue, defaultValueDescription, negate }) {
  const choices = argChoices ? ` (${argChoices.map(code).join(', ')})` : '';
  const standard = defaultValueDescription ?? (negate || defaultValue === false ? undefined : defaultValue);
  return [
    code(flags),
    `${cell(description)}${choices}`,
    mandatory ? 'required' : standard === undefined ? '' : code(standard),
  ];
}

/** What a command's help says after its flags. */
function helpAfter(command) {
  let text = '';
  command.emit('afterHelp', { error: false, command, write: (more) => (text += more) });
  return text;
}

async function configPage() {
  const { settingsSchema } = await built('judge', 'settings/index.js').then(async (one) =>
    one.settingsSchema ? one : built('judge', 'settings.js'),
  );
  const schema = settingsSchema();
  const train = (await commands()).find((one) => one.name() === 'train');
  const rows = Object.entries(schema.properties).map(([name, rule]) => {
    const flag = train.options.find((one) => one.attributeName() === name && !one.hidden)?.long;
    const standard = rule.default === undefined ? '' : code(JSON.stringify(rule.default));
    return [
      code(name),
      flag ? code(flag.replace(/^--no-/, '--')) : '',
      cell(kindOf(rule)),
      standard,
      cell(rule.description ?? ''),
    ];
  });
  return `# Settings

The settings of a run: what \`trainJudge\` of @arena/judge takes, and what \`run.json\` stores. The command has them as flags. ${MADE} from
[settings.schema.json](../../packages/judge/schema/settings.schema.json), which editors can check a file with.

${table(['setting', 'flag', 'value', 'default', 'meaning'], rows)}

## A file for the command

\`--config FILE\` holds flags without their dashes. Lists repeat a value, \`true\` and \`false\` set a switch. The command line wins.

\`\`\`json
{ "base": "gemma-2-2b", "data": ["train.parquet"], "learning-rate": 1e-4, "swap-augment": true }
\`\`\`

A key that is no flag of the command, or a value that the flag does not take, ends the command with the file's name and the key. [examples/recipes](../../examples/recipes) has three such files.
`;
}

function kindOf(rule) {
  if (rule.enum) return rule.enum.map((one) => JSON.stringify(one)).join(', ');
  if (rule.type === 'array') return 'list of texts';
  if (rule.type === 'object')
    return `object: ${Object.keys(rule.properties).slice(0, 12).join(', ')}${Object.keys(rule.properties).length > 12 ? ', …' : ''}`;
  const { minimum, maximum } = rule;
  if (minimum === undefined) return rule.type === 'boolean' ? 'true, false' : 'text';
  return `${rule.type === 'integer' ? 'whole number' : 'number'} from ${minimum}${maximum === undefined ? '' : ` to ${maximum}`}`;
}

function reportPage() {
  const folder = join(ROOT, 'packages/eval/src');
  const declared = new Map();
  for (const file of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'))) {
    const source = ts.createSourceFile(file, readFileSync(join(folder, file), 'utf8'), ts.ScriptTarget.ES2022, true);
    for (const one of source.statements) {
      const isType = ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one);
      if (isType && !declared.has(one.name.text)) declared.set(one.name.text, one);
    }
  }
  const order = ['Report'];
  const parts = [];
  for (const name of order) {
    const node = declared.get(name);
    const rows = [];
    const walk = (members, prefix) => {
      for (const member of members) {
        if (!ts.isPropertySignature(member)) continue;
        const field = `${prefix}${member.name.getText()}${member.questionToken ? '?' : ''}`;
        if (member.type && ts.isTypeLiteralNode(member.type)) {
          rows.push([code(field), 'object', docOf(member)]);
          walk(member.type.members, `${prefix}${member.name.getText()}.`);
        } else rows.push([code(field), cell(member.type.getText()), docOf(member)]);
        for (const other of namesIn(member.type)) if (declared.has(other) && !order.includes(other)) order.push(other);
      }
    };
    const type = ts.isInterfaceDeclaration(node) ? node : node.type;
    const bases = ts.isIntersectionTypeNode(type) ? type.types : [type];
    const also = bases.filter(ts.isTypeReferenceNode).map((one) => one.getText());
    for (const other of also) if (declared.has(other) && !order.includes(other)) order.push(other);
    for (const one of bases) if (one.members) walk(one.members, '');
    const doc = docOf(node);
    parts.push(`## ${name}`);
    if (doc) parts.push(doc);
    if (also.length)
      parts.push(
        `The fields of ${also.join(', ')}${rows.length ? ', and' : ''}:`.replace(/:$/, rows.length ? ':' : '.'),
      );
    if (rows.length) parts.push(table(['field', 'type', 'meaning'], rows));
    else if (!also.length) parts.push(`\`${type.getText().replace(/\s+/g, ' ')}\``);
  }
  return `# The report as JSON

\`metrics.json\` of a run, and what \`evaluate\` of @arena/eval returns. The HTML and Markdown reports are drawn from it. Every figure has its \`n\` and, where it has one, a 95 % interval. ${MADE} from
the types of @arena/eval.

${parts.join('\n\n')}
`;
}

function namesIn(type) {
  const found = [];
  const visit = (node) => {
    if (ts.isTypeReferenceNode(node)) found.push(node.typeName.getText());
    ts.forEachChild(node, visit);
  };
  if (type) visit(type);
  return found;
}

/** The comment of a declaration in one line. */
function docOf(node) {
  const text = ts
    .getJSDocCommentsAndTags(node)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join(' ');
  return cell(text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, text] of await referencePages()) writeFileSync(join(FOLDER, name), text);
}
