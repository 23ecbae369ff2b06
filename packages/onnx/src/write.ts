/** @file Writes a graph as a .onnx file, the constants one after the other: memory holds one of them. */
import type { FileTarget } from '@arena/files/write';
import type { Bytes, Constant, Graph } from './graph.js';
import { field, headOfField, modelHead, nodeBytes, tensorBytes, textField, valueBytes } from './proto.js';

/** ONNX's own operators, and onnxruntime's. */
const OPSETS = { '': 21, 'com.microsoft': 1 };
/** Largest .onnx file with the constants in it: protobuf ends at 2 GB. */
const LARGEST = 1.9e9;
/** Constants from this size on lie beside a file that would be too large. */
const BESIDE = 1024;

/** How {@link writeGraph} divides the model. */
export interface WriteOptions {
  /** Most bytes of one file. Default 1.9 GB. */
  largest?: number;
}

/**
 * Writes `NAME.onnx` and, where that would be too large, the constants as `NAME.onnx_data`.
 * @returns the names of the files, and whether the constants lie beside.
 */
export async function writeGraph(
  target: FileTarget,
  name: string,
  graph: Graph,
  { largest = LARGEST }: WriteOptions = {},
) {
  const file = `${name}.onnx`;
  const data = `${name}.onnx_data`;
  const total = graph.constants.reduce((sum, { bytes }) => sum + bytes, 0);
  const isSplit = total > largest;
  const isBeside = ({ bytes }: Constant) => isSplit && bytes >= BESIDE;
  let offset = 0;
  const heads = graph.constants.map((constant) => {
    if (!isBeside(constant)) return tensorBytes(constant);
    const head = tensorBytes(constant, { file: data, offset });
    offset += constant.bytes;
    return head;
  });
  if (isSplit) {
    await target.write(data, async (write) => {
      for (const constant of graph.constants) if (isBeside(constant)) await writeContent(constant, write);
    });
  }
  const before = [...graph.nodes.map((node) => field(1, nodeBytes(node))), textField(2, name)];
  const after = [
    ...graph.inputs.map((value) => field(11, valueBytes(value))),
    ...graph.outputs.map((value) => field(12, valueBytes(value))),
  ];
  const inner = graph.constants.map((constant, i) => heads[i].length + (isBeside(constant) ? 0 : constant.bytes));
  const around = inner.map((bytes) => headOfField(5, bytes));
  const graphBytes = sum([...before, ...after, ...around].map(({ length }) => length)) + sum(inner);
  await target.write(file, async (write) => {
    await write(modelHead(graphBytes, { producer: 'arena', opsets: OPSETS }));
    for (const part of before) await write(part);
    for (const [i, constant] of graph.constants.entries()) {
      await write(around[i]);
      await write(heads[i]);
      if (!isBeside(constant)) await writeContent(constant, write);
    }
    for (const part of after) await write(part);
  });
  return { files: isSplit ? [file, data] : [file], isSplit };
}

/** Writes the bytes of a constant. @throws Error when they are not as many as its shape says. */
async function writeContent(
  { name, bytes, content }: Constant,
  write: (part: Uint8Array) => Promise<void>,
): Promise<void> {
  let written = 0;
  for await (const part of partsOf(content)) {
    await write(part);
    written += part.length;
  }
  if (written !== bytes) throw new Error(`${name}: ${written} bytes, where its shape has ${bytes}`);
}

async function* partsOf(content: Bytes): AsyncGenerator<Uint8Array> {
  const made = await content();
  if (made instanceof Uint8Array) yield made;
  else yield* made;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
