/**
 * @file Compiles AssemblyScript kernels to WebAssembly modules: one without relaxed SIMD, one with it (fused
 * multiply-add) and, where the matrix product is used, one whose product suits 256-bit vectors.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import asc from 'assemblyscript/asc';

/** Where the entry seems to lie: beside package.json. */
const ENTRY = 'kernels.as.ts';

/** The builds of a package's kernels, as bytes. `entry` is text that exports them. @throws Error with the compiler's words. */
export async function compileBuilds(folder, entry) {
  const plain = await compile(folder, entry, ['simd', 'threads']);
  if (process.versions.node.startsWith('20.')) {
    (await import('node:v8')).setFlagsFromString('--experimental-wasm-relaxed-simd');
  }
  const relaxed = await compile(folder, entry, ['simd', 'relaxed-simd', 'threads']);
  const wide = await compile(folder, entry, ['simd', 'relaxed-simd', 'threads'], ['ARENA_WIDE=1']);
  // without a matrix product the two are the same
  return Buffer.compare(relaxed, wide) === 0 ? { plain, relaxed } : { plain, relaxed, wide };
}

/** Compiles the entry with the given wasm features and constants. All modules share one memory, so none may bring data or globals. */
async function compile(folder, entry, features, constants = []) {
  let binary;
  const options = [
    ...[ENTRY, '--baseDir', folder, '--outFile', 'kernels.wasm'],
    ...['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort='],
    ...constants.flatMap((constant) => ['--use', constant]),
    ...features.flatMap((feature) => ['--enable', feature]),
    ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ];
  const { error, stderr } = await asc.main(options, {
    readFile: (name, base) => (name === ENTRY ? entry : readFile(resolve(base, name), 'utf8').catch(() => null)),
    writeFile: (name, data) => {
      if (name.endsWith('.wasm')) binary = data;
    },
  });
  if (error) throw new Error(`${folder}: ${stderr.toString()}`);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(binary));
  const hasData = sections(binary).includes(11);
  if (imports.length !== 1 || hasData) {
    throw new Error(
      `${folder}: kernels must import the memory alone and hold no static data, but this module ` +
        `imports ${imports.map(({ name }) => name).join(', ')}${hasData ? ' and has a data section' : ''}. ` +
        'Pass tables in through the arguments.',
    );
  }
  return binary;
}

/** Ids of a module's sections. */
function sections(binary) {
  const ids = [];
  for (let at = 8; at < binary.length; ) {
    ids.push(binary[at++]);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      size |= (binary[at] & 127) << shift;
      if (binary[at++] < 128) break;
    }
    at += size;
  }
  return ids;
}
