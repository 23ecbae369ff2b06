/** @file The public names of every package: `node tools/public-names.mjs [--list]`. Types and values of the root entries, by TypeScript. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Names by entry, such as `@arena/quant` or `@arena/quant/ops`. @returns {Record<string, string[]>} */
export function publicNames() {
  const config = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const entries = readdirSync(`${ROOT}packages`).flatMap((folder) => {
    const {
      name,
      private: hidden,
      exports = {},
    } = JSON.parse(readFileSync(`${ROOT}packages/${folder}/package.json`, 'utf8'));
    if (hidden) return [];
    return Object.entries(exports).flatMap(([key, target]) => {
      const built = typeof target === 'string' ? target : target.default;
      const source = `${ROOT}packages/${folder}/${built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')}`;
      return source.endsWith('.ts') && existsSync(source) ? [[name + key.slice(1), source]] : [];
    });
  });
  const program = ts.createProgram(
    entries.map(([, source]) => source),
    options,
  );
  const checker = program.getTypeChecker();
  return Object.fromEntries(
    entries.map(([name, source]) => {
      const symbol = checker.getSymbolAtLocation(program.getSourceFile(source));
      const names = symbol ? checker.getExportsOfModule(symbol).map((one) => one.name) : [];
      return [name, names.sort()];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = publicNames();
  let root = 0;
  for (const [entry, list] of Object.entries(names)) {
    if (entry.split('/').length === 2) root += list.length;
    console.log(
      `${String(list.length).padStart(4)}  ${entry}${process.argv.includes('--list') ? `\n      ${list.join(' ')}` : ''}`,
    );
  }
  console.log(`${String(root).padStart(4)}  at the root entries`);
}
