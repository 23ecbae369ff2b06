/** @file Compiles AssemblyScript text to a kernel module for the pool's tests. */
import asc from 'assemblyscript/asc';
import type { KernelModule } from '../src/wasm/index.js';

const OPTIONS =
  '--outFile out.wasm -O3 --noAssert --runtime stub --use abort= --enable simd --enable threads --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536';

/** One build serves as both: the text must not use relaxed SIMD. */
export async function compile(text: string): Promise<KernelModule> {
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(['test.ts', ...OPTIONS.split(' ')], {
    readFile: (name: string) => (name === 'test.ts' ? text : null),
    writeFile: (name: string, data: string | Uint8Array) => {
      if (name.endsWith('.wasm')) binary = data as Uint8Array<ArrayBuffer>;
    },
  });
  if (error) throw new Error(stderr.toString());
  const base64 = Buffer.from(binary).toString('base64');
  return { name: 'test', kernels: {}, plain: base64, relaxed: base64 };
}
