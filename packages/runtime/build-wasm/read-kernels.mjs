/**
 * @file Finds a package's kernels in its AssemblyScript files, and what TypeScript must know of each: the words of its
 * call, the constants and the records that it shares with the host. `wasmKernel` holds its declaration against these.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** `(words: Class, task: u32, scratch: usize): void` */
const KERNEL = /export function (\w+)\(\s*\w+: (\w+),\s*\w+: u32,\s*\w+: usize,?\s*\): void/g;
const CLASS = /@unmanaged\s+(?:export )?class (\w+)(?: extends (\w+))? \{([^}]*)\}/g;
const IMPORT = /import \{([^}]*)\} from '([^']+)'/g;
const CONSTANT = /^(?:export )?const (\w+): (?:i32|u32|usize) = (\d+|0x[\da-f]+);/gim;
const WORDS = ['usize', 'i32', 'u32', 'f32'];

/**
 * The kernels of src/**\/*.as.ts, in the order of files and names.
 * @throws Error naming the file and what about it cannot be read.
 */
export function readKernels(folder) {
  const files = readdirSync(join(folder, 'src'), { recursive: true })
    .map((path) => `src/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.as.ts'))
    .sort();
  const known = new Map();
  const kernels = files.flatMap((file) => kernelsOf(folder, file, known));
  for (const [i, { name, file }] of kernels.entries()) {
    const other = kernels.findIndex((kernel) => kernel.name === name);
    if (other !== i) throw new Error(`${folder}: ${kernels[other].file} and ${file} both have a kernel '${name}'`);
  }
  return { files, kernels };
}

/** Text of the file that exports all kernels, to be compiled. */
export function entryOf(kernels) {
  return kernels.map(({ name, file }) => `export { ${name} } from './${file.slice(0, -'.ts'.length)}';\n`).join('');
}

function kernelsOf(folder, file, known) {
  const scope = scopeOf(resolve(folder, file), known);
  const found = [...scope.text.matchAll(KERNEL)].map(([, name, type]) => ({ name, type }));
  const taken = new Set();
  for (let { type } of found) for (; type; type = scope.classes[type]?.base) taken.add(type);
  const records = Object.keys(scope.classes).filter((name) => !taken.has(name));
  return found
    .map(({ name, type }) => {
      const where = `${join(folder, file)}: kernel '${name}'`;
      if (type === 'usize') {
        throw new Error(`${where} takes an address: declare an @unmanaged class of its words and take that`);
      }
      if (!scope.classes[type]) throw new Error(`${where} takes ${type}, which is no @unmanaged class of fields`);
      const layout = {
        words: wordsOf(scope, type, where),
        constants: scope.constants,
        records: Object.fromEntries(records.map((record) => [record, wordsOf(scope, record, where)])),
      };
      return { name, file, layout };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a file's text may name: constants and classes of its own and imported ones. */
function scopeOf(path, known) {
  const done = known.get(path);
  if (done) return done;
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const scope = { text, constants: {}, classes: {} };
  known.set(path, scope);
  for (const [, list, from] of text.matchAll(IMPORT)) {
    const source = locate(path, from);
    if (!source) continue; // the compiler says so better
    const imported = scopeOf(source, known);
    for (const entry of list.split(',')) {
      const [name, as = name] = entry.trim().split(' as ');
      if (Object.hasOwn(imported.constants, name)) scope.constants[as] = imported.constants[name];
      if (Object.hasOwn(imported.classes, name)) scope.classes[as] = imported.classes[name];
    }
  }
  for (const [, name, value] of text.matchAll(CONSTANT)) scope.constants[name] = Number(value);
  for (const [, name, base, body] of text.matchAll(CLASS)) {
    const fields = body.split(';').map((field) => field.trim());
    if (fields.pop() !== '') throw new Error(`${path}: class ${name} has more than fields`);
    scope.classes[name] = { base, fields: fields.map((field) => field.split(/\s*:\s*/)), scope };
  }
  return scope;
}

/** Types of a class's fields by name, in their order; those of its base come first. */
function wordsOf(scope, type, where) {
  const { base, fields, scope: own } = scope.classes[type];
  const words = base ? wordsOf(own, base, where) : {};
  for (const [name, word] of fields) {
    if (!WORDS.includes(word)) {
      throw new Error(`${where}: ${type}.${name} is of type ${word}, and a word is ${WORDS.join(', ')}`);
    }
    words[name] = word;
  }
  return words;
}

/** Path of an imported file: beside the importing one, or in a package. */
function locate(importer, from) {
  if (from.startsWith('.')) return resolve(dirname(importer), `${from}.ts`);
  for (let folder = dirname(importer); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', `${from}.ts`);
    if (existsSync(path)) return path;
    if (relative(dirname(folder), folder) === '') return undefined;
  }
}
