/** @file The judge as an ONNX model, in the folder that transformers.js and onnxruntime open. */
import { bytesFolder } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import type { Judge } from '@arena/judge';
import { readJudge } from '@arena/judge/run';
import { zipSync } from 'fflate';
import type { Base } from './base.js';

/** What the graph does not hold of its base. */
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json'];

/** A zip of the folder. Of a tiny base alone: the whole model is in memory. */
export async function onnxZip(judge: Judge, base: Base): Promise<Uint8Array> {
  const { files } = base;
  if (!files) throw new Error(`${base.name} is too large to write here: arena export --onnx does it, part by part`);
  const { writeOnnxFolder } = await import('@arena/onnx'); // few want it
  const [folder, onnx] = [bytesTarget(), bytesTarget()];
  await writeOnnxFolder(base, await readJudge(bytesFolder(await judge.files())), { folder, onnx });
  const models = Object.entries(onnx.files).map(([name, bytes]) => [`onnx/${name}`, bytes]);
  const tokenizer = TOKENIZER.map((name) => [name, files[name]]);
  return zipSync({ ...folder.files, ...Object.fromEntries([...models, ...tokenizer]) }, { level: 6 });
}
