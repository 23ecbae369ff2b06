import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const bundle = new URL('../dist/index.js', import.meta.url);

/** Runs a module that uses the built package in a Node process of its own. */
function run(body: string): string {
  const text = `
    import { openEngine } from '${bundle.href}';
    import { matMul, ones } from '@tensorflow/tfjs-core';
    const engine = await openEngine('wasm', { threads: 3 });
    ${body}`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', text], {
    cwd: new URL('..', import.meta.url),
    encoding: 'utf8',
    timeout: 20_000,
  });
}

describe.runIf(existsSync(bundle))('the built package in Node', () => {
  it('computes, and lets the process end with the engine open', () => {
    expect(run('console.log(engine.threads, matMul(ones([64, 64]), ones([64, 64])).dataSync()[5])')).toBe('3 64\n');
  });

  it('lets the process end after dispose', () => {
    expect(run('engine.dispose(); console.log("end")')).toBe('end\n');
  });

  it('keeps the exit code of a process that fails', () => {
    expect(() => run('process.exit(3)')).toThrow(expect.objectContaining({ status: 3 }));
    expect(() => run('throw new Error("on purpose")')).toThrow(expect.objectContaining({ status: 1 }));
  });
});
