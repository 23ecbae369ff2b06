/**
 * @file Kernels whose PTX was not made from today's .cu files. The emulation takes a kernel's code from its source and of
 * the text the arguments alone, so that a kernel can be written and tested without NVIDIA's compiler.
 */
import { type CudaKernel, type CudaScalar, type CudaText, declaredCudaKernels } from '@arena/runtime/cuda';
import { cudaSources, isBuilt, readPtx } from '../../../../tools/cuda-sources.mjs';

const TYPES: Record<CudaScalar, string> = { u32: '.u32', i32: '.u32', f32: '.f32', i32x6: '.align 4 .b8' };

/** Has every declared kernel that was not built read as a text without code. */
export function fillInUnbuilt(): void {
  const built = new Set(
    cudaSources()
      .filter(isBuilt)
      .flatMap((source) => kernelsOf(readPtx(source)!.ptx)),
  );
  for (const kernel of declaredCudaKernels().filter(({ name }) => !built.has(name))) {
    console.warn(`${kernel.ptx.package}: kernel ${kernel.name} is not rebuilt; its arguments are taken as declared`);
    prepend(kernel.ptx, textOf(kernel));
  }
}

function kernelsOf(ptx: string): string[] {
  return [...ptx.matchAll(/\.entry (\w+)\(/g)].map(([, name]) => name);
}

/** The first text of a kernel is the one that counts. */
function prepend(ptx: CudaText, text: string): void {
  const read = ptx.read.bind(ptx);
  ptx.read = () => [text, ...read()];
}

function textOf({ name, inputs, optional, outputs, params, target }: CudaKernel): string {
  const types = [...inputs, ...optional, ...outputs].map(() => '.u64').concat(params.map(([, type]) => TYPES[type]));
  const list = types.map((type, i) => `\t.param ${type} ${name}_param_${i}${type.endsWith('b8') ? '[24]' : ''}`);
  const head = target ? '.version 8.0\n.target sm_90a' : '.version 7.0\n.target sm_80';
  return `${head}\n.address_size 64\n.visible .entry ${name}(\n${list.join(',\n')}\n)\n{\n\tret;\n}\n`;
}
