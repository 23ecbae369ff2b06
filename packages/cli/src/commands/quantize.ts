/** @file `arena quantize`: a float checkpoint as a bitsandbytes 4-bit one that transformers loads. */
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isSkipped, linearModules, quantizeWeight } from '@arena/decoder';
import { readConfig } from '@arena/gemma';
import { type QuantType, serializeState } from '@arena/quant';
import { openEngine } from '@arena/runtime';
import { editJson, openCheckpoint, type TensorInput, toFloat32, writeSharded } from '@arena/safetensors';
import { type Command, Option } from 'commander';
import { onInterrupt } from '../interrupt.js';
import { checkNewFolder, makeFolder } from '../output-folder.js';
import { progress } from '../progress.js';
import { resolveBase } from '../run/base.js';
import { copiedTensor } from '../run/copied-tensor.js';

interface QuantizeFlags {
  base: string;
  out: string;
  type: QuantType;
  doubleQuant: boolean;
}

export function addQuantize(program: Command): void {
  program
    .command('quantize')
    .description('write a checkpoint with its linear layers in 4 bits, as bitsandbytes and transformers save it')
    .requiredOption('--base <dir|hub-id>', 'checkpoint: a folder in Hugging Face format, or a hub id')
    .requiredOption('--out <dir>', 'folder to create')
    .addOption(new Option('--type <name>', '4-bit code').choices(['nf4', 'fp4']).default('nf4'))
    .option('--no-double-quant', 'keep the block scales in float32')
    .action((flags: QuantizeFlags) => quantize(flags));
}

/** Weights are quantised matrix by matrix; the codes of the whole model are held until the file is written. */
async function quantize({ base: baseOrId, out, type, doubleQuant }: QuantizeFlags): Promise<void> {
  const base = await resolveBase(baseOrId);
  const signal = onInterrupt();
  const config = await readConfig(base);
  await checkNewFolder(out);
  const checkpoint = await openCheckpoint(base);
  const temporary = `${out}.tmp-${process.pid}`;
  const engine = await openEngine('wasm'); // quantises with the host's bits, several times as fast
  try {
    const modules = new Map(linearModules(config).map((module) => [`${module.path}.weight`, module]));
    const bar = progress({ label: 'quantising', total: modules.size, unit: 'matrices' });
    const tensors: TensorInput[] = [];
    let done = 0;
    for (const [name, { dtype, shape }] of checkpoint.tensors) {
      const module = modules.get(name);
      if (!module || isSkipped(module.path, config.skipModules)) {
        tensors.push(copiedTensor(checkpoint, name));
        continue;
      }
      if (dtype === 'U8') throw new Error(`${base}: '${name}' is quantised already`);
      signal.throwIfAborted();
      const values = toFloat32(await checkpoint.read(name));
      tensors.push(...serializeState(name, quantizeWeight(values, [...shape], config, { type, doubleQuant })));
      bar.update(++done);
    }
    bar.finish();
    const missing = [...modules.keys()].find((name) => !checkpoint.tensors.has(name));
    if (missing) throw new Error(`${base}: tensor '${missing}' is missing; its config.json asks for it`);
    await makeFolder(temporary);
    await writeSharded(temporary, tensors);
    const fields = { quantization_config: quantizationConfig(type, doubleQuant) };
    await writeFile(`${temporary}/config.json`, editJson(await readFile(`${base}/config.json`, 'utf8'), fields));
    for (const file of await readdir(base)) {
      if (/^(tokenizer.*|special_tokens_map\.json|generation_config\.json|arena\.json)$/.test(file)) {
        await copyFile(`${base}/${file}`, `${temporary}/${file}`);
      }
    }
    await rename(temporary, out);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await checkpoint.close();
    engine.dispose();
  }
  console.log(`written to ${out}`);
}

/** quantization_config as transformers writes it. */
function quantizationConfig(type: QuantType, doubleQuant: boolean) {
  return {
    _load_in_4bit: true,
    _load_in_8bit: false,
    bnb_4bit_compute_dtype: 'float32',
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: type,
    bnb_4bit_use_double_quant: doubleQuant,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: null,
    llm_int8_threshold: 6,
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: 'bitsandbytes',
  };
}
