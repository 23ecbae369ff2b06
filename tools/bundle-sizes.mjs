/**
 * @file What imports cost a bundle, in bytes after tree shaking, minifying and gzip: `node tools/bundle-sizes.mjs`.
 * Every public entry as a whole, and imports that are typical. Fails when one is above its budget in budgets.json.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import commonjs from '@rollup/plugin-commonjs';
import nodeResolve from '@rollup/plugin-node-resolve';
import { build, transform } from 'esbuild';
import { rollup } from 'rollup';
import { publicPackages } from './pack.mjs';

const ROOT = resolve(import.meta.dirname, '..');
/** Left out of a bundle: what Node brings or alone has (undici's proxies), and what an application installs when it wants it. */
const OUTSIDE = [/^node:/, /^undici$/, /^koffi$/, /^@tensorflow\//, /^assemblyscript/];
/** Typical imports are resolved from the package that depends on most others, an entry as a whole from its own. */
const MOST = join(ROOT, 'packages/cli');
const outside = (id) => OUTSIDE.some((one) => one.test(id));

/** Names that a bundle imports, by what the budget calls it. */
const TYPICAL = {
  'quantize4bit of @arena/quant': "export { quantize4bit } from '@arena/quant';",
  'openSafetensors of @arena/safetensors': "export { openSafetensors } from '@arena/safetensors';",
  'loadTokenizer of @arena/tokenizer': "export { loadTokenizer } from '@arena/tokenizer';",
  'evaluate of @arena/eval': "export { evaluate } from '@arena/eval';",
  'packer of @arena/data': "export { packer } from '@arena/data';",
  'loadAdapter of @arena/lora': "export { loadAdapter } from '@arena/lora';",
};

/** Bytes of a module's text bundled by esbuild and by rollup. */
async function sizes({ text, from = MOST }) {
  const entryFile = join(from, 'entry.js');
  const stdin = { contents: text, resolveDir: from, sourcefile: 'entry.js' };
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    plugins: [{ name: 'outside', setup: ({ onResolve }) => onResolve({ filter: /./ }, outsideOfEsbuild) }],
  });
  const entry = {
    name: 'entry',
    resolveId: (id) => (id === entryFile ? id : null),
    load: (id) => (id === entryFile ? text : null),
  };
  const plugins = [entry, nodeResolve({ browser: true }), commonjs()];
  const bundle = await rollup({ input: entryFile, external: outside, plugins, onLog: () => {} });
  const { output } = await bundle.generate({ format: 'es', inlineDynamicImports: true });
  const { code } = await transform(output[0].code, { minify: true, target: 'es2022' });
  return { esbuild: gzipSync(outputFiles[0].contents).length, rollup: gzipSync(code).length };
}

function outsideOfEsbuild({ path }) {
  return outside(path) ? { path, external: true } : undefined;
}

const budgets = JSON.parse(readFileSync(join(ROOT, 'budgets.json'), 'utf8')).bundles;
const entries = publicPackages().flatMap(({ name, path, exports }) =>
  Object.entries(exports).flatMap(([key, target]) =>
    typeof target === 'string'
      ? []
      : [[name + key.slice(1), { text: `export * from '${name + key.slice(1)}';`, from: path }]],
  ),
);
const typical = Object.entries(TYPICAL).map(([what, text]) => [what, { text }]);
let failed = 0;
const bundles = [...typical, ...entries];
for (const [what, bundle] of bundles) {
  const { esbuild, rollup: rolled } = await sizes(bundle);
  const budget = budgets[what];
  const fine = budget !== undefined && Math.max(esbuild, rolled) <= budget;
  if (!fine) failed++;
  console.log(
    `${fine ? '      ' : 'FAILED'} ${String(esbuild).padStart(7)} ${String(rolled).padStart(7)} of ${budget ?? '?'}  ${what}`,
  );
}
console.log(`bytes gzipped (esbuild, rollup): ${failed} of ${bundles.length} are above their budget or have none`);
process.exitCode = failed ? 1 : 0;
