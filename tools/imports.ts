/** @file The imports of the packages' sources: which file takes what from where, and whether anything of it is there at run time. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export interface Import {
  /** Path of the importing file, from the root. */
  from: string;
  /** A file, from the root, or a package. */
  to: string;
  /** Whether nothing but types is taken. */
  typeOnly: boolean;
}

const STATEMENT =
  /^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?)\s+from\s+'([^']+)'/gm;
/** `import('x')`, and `import 'x'` for what it does. */
const LOADED = /(?:\bimport\(\s*|^import\s+)'([^']+)'/gm;

/** Every import of the packages' sources; AssemblyScript has rules of its own and is left out. */
export function importsOf(root: string): Import[] {
  const files = readdirSync(join(root, 'packages')).flatMap((name) => sourcesBelow(root, `packages/${name}/src`));
  return files.flatMap((from) => {
    const text = readFileSync(join(root, from), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    const target = (name: string) =>
      name.startsWith('.') ? normalize(join(dirname(from), name.replace(/\.js$/, '.ts'))) : name;
    const stated = [...text.matchAll(STATEMENT)].map(([, type, what, name]) => {
      const names = what.startsWith('{')
        ? what
            .slice(1, -1)
            .split(',')
            .filter((one) => one.trim())
        : [''];
      const typeOnly = type !== undefined || names.every((one) => one.trim().startsWith('type '));
      return { from, to: target(name), typeOnly };
    });
    const loaded = [...text.matchAll(LOADED)].map(([, name]) => ({ from, to: target(name), typeOnly: false }));
    return [...stated, ...loaded];
  });
}

function sourcesBelow(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !/\.(as|generated|ptx)\.ts$/.test(path));
}

/** A circle of files that need each other at run time, or undefined. */
export function runtimeCircle(imports: Import[]): string[] | undefined {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (!typeOnly && to.startsWith('packages/')) next.set(from, [...(next.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const other of next.get(file) ?? []) {
      const circle = visit(other, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return undefined;
}
