/**
 * @file What every package's manifest says alike: `node tools/manifests.mjs` writes it, from the root's own `repository`. Which names the
 * project has on npm and on its host is decided in the root's package.json alone.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const COMMON_KEYWORDS = ['arena', 'gemma', 'lora', 'qlora', 'fine-tuning', 'typescript'];

/** Words that people search for, by package. */
const KEYWORDS = {
  cli: ['cli', 'reward-model', 'llm-judge', 'chatbot-arena'],
  'create-judge-page': ['create', 'llm-judge', 'browser', 'template'],
  cuda: ['cuda', 'gpu', 'tfjs'],
  data: ['chatbot-arena', 'preference-data', 'parquet', 'lmsys'],
  decoder: ['transformer', 'backpropagation', 'tfjs', 'sequence-classification'],
  eval: ['metrics', 'calibration', 'bradley-terry', 'evaluation'],
  files: ['range-requests', 'opfs', 'huggingface', 'download'],
  gemma: ['gemma2', 'llm', 'tfjs'],
  gguf: ['gguf', 'ggml', 'llama.cpp', 'weights'],
  judge: ['llm-judge', 'reward-model', 'chatbot-arena'],
  lora: ['peft', 'adapter', 'tfjs'],
  onnx: ['onnx', 'onnxruntime', 'transformers.js', 'export'],
  mpi: ['mpi', 'data-parallel'],
  quant: ['nf4', 'bitsandbytes', 'quantization', '4-bit'],
  random: ['mersenne-twister', 'torch', 'seed'],
  runtime: ['webgpu', 'webassembly', 'simd', 'tfjs'],
  safetensors: ['safetensors', 'huggingface', 'weights'],
  tokenizer: ['tokenizer', 'bpe', 'huggingface'],
  transformers: ['transformers.js', 'huggingface', 'pipeline', 'text-classification'],
  trainer: ['adamw', 'trainer', 'huggingface', 'checkpoint'],
};

/** Manifest of each public package, as it is and as it should be. */
export function manifests() {
  const root = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  const address = root.repository.url.replace(/^git\+/, '').replace(/\.git$/, '');
  return readdirSync(`${ROOT}packages`).flatMap((folder) => {
    const path = `${ROOT}packages/${folder}/package.json`;
    const is = JSON.parse(readFileSync(path, 'utf8'));
    if (is.private) return [];
    const { name, version, description, keywords, homepage, bugs, repository, license, ...rest } = is;
    const should = {
      ...{ name, version, description },
      keywords: [...COMMON_KEYWORDS, ...(KEYWORDS[folder] ?? [])],
      homepage: `${address}/tree/main/packages/${folder}#readme`,
      bugs: `${address}/issues`,
      repository: { ...root.repository, directory: `packages/${folder}` },
      license: root.license,
      ...rest,
      engines: root.engines,
    };
    return [{ path, folder, is, should }];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, should } of manifests()) writeFileSync(path, `${JSON.stringify(should, null, 2)}\n`);
}
