/** @file A judge as a folder that onnxruntime and transformers.js open: the graph, a config.json, a card. */
import type { FileTarget } from '@arena/files/write';
import { type Base, formatCard, labelNames } from '@arena/judge/card';
import { baseId, ownStart } from '@arena/judge/export';
import type { JudgeFiles } from '@arena/judge/run';
import { classifierGraph } from './classifier-graph.js';
import { OnnxError } from './error.js';
import { graphSource } from './graph-source.js';
import { keepsBlocks, WEIGHT_KINDS, type WeightKind } from './linear.js';
import { onnxReadme } from './readme.js';
import { writeGraph } from './write.js';

/** Where the files go, and in which forms. */
export interface OnnxFolderOptions {
  /** The folder itself. */
  folder: FileTarget;
  /** Its folder `onnx`. */
  onnx: FileTarget;
  /** Forms of the weights; each is a file. Default `['fp32']`. */
  weights?: readonly WeightKind[];
  /**
   * Whether the linears' integers become float32 in memory when the model is opened: small files, and the speed of float32. Default
   * where that takes at most 1 GB; larger models are multiplied by in their integers.
   */
  widen?: boolean;
  /** Told the name of each file that is written. */
  onFile?: (name: string) => void;
}

/** How transformers.js ends the name of a file in each form. */
const SUFFIX: Record<WeightKind, string> = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4', bnb4: '_bnb4' };

/**
 * Writes a judge for onnxruntime (Node, web, Python) and transformers.js: `onnx/model*.onnx`, config.json, arena.json and README.md.
 * The tokenizer's files are the caller's to add. Memory holds one matrix.
 *
 * The graph has inputs `input_ids` and `attention_mask` (int64) [batch, tokens] and the output `logits` [batch, labels]; any length,
 * batch and padding side. Activations are float32 in every form.
 * @throws OnnxError for an unknown form, a judge without a head, and `bnb4` on a base that is not in NF4.
 * @example
 * const base = await openBase('gemma-3-270m.gguf');
 * const judge = await readJudge('run/adapter');
 * await writeOnnxFolder(base, judge, { folder: diskStore('out'), onnx: diskStore('out/onnx'), weights: ['q4'] });
 */
export async function writeOnnxFolder(
  base: Base,
  files: JudgeFiles,
  { folder, onnx, weights = ['fp32'], widen, onFile }: OnnxFolderOptions,
): Promise<void> {
  const unknown = weights.find((kind) => !WEIGHT_KINDS.includes(kind));
  if (unknown || !weights.length) {
    throw new OnnxError(`weights ${JSON.stringify(unknown ?? weights)}: ${WEIGHT_KINDS.join(', ')} are known`);
  }
  const source = await graphSource(base, files);
  try {
    if (weights.includes('bnb4') && !source.isNf4) {
      throw new OnnxError(`${base.name}: its linears are not in NF4, which bnb4 writes as they are; take q4 or q8`);
    }
    const beside: Partial<Record<string, boolean>> = {};
    for (const kind of weights) {
      const name = `model${SUFFIX[kind]}`;
      const { files: written, isSplit } = await writeGraph(onnx, name, classifierGraph(source, kind, widen));
      if (isSplit) beside[`${name}.onnx`] = true;
      for (const one of written) onFile?.(`onnx/${one}`);
    }
    const { card, objective } = files;
    const config = configOf(source.config.padTokenId, objective, weights[0], beside);
    await folder.write('config.json', `${JSON.stringify(config, null, 2)}\n`);
    await folder.write('arena.json', formatCard({ ...card, base: baseId(card.base ?? base.name) }));
    const kept = weights.filter((kind) => keepsBlocks(source, kind));
    await folder.write(
      'README.md',
      onnxReadme({ base: baseId(base.name), card, weights, suffix: SUFFIX, kept, before: ownStart(base) }),
    );
  } finally {
    await source.close();
  }
}

/**
 * A config.json that transformers.js takes. It has no class for a Gemma classifier (4.3.2); of the types that it has, all run a graph
 * of two inputs and `logits` alike, so the file names one of them.
 */
function configOf(
  padTokenId: number,
  objective: JudgeFiles['objective'],
  dtype: WeightKind,
  beside: Partial<Record<string, boolean>>,
) {
  const names = labelNames(objective);
  return {
    model_type: 'modernbert',
    architectures: ['ModernBertForSequenceClassification'],
    // one label: sigmoid of the reward
    problem_type: names.length === 1 ? 'multi_label_classification' : 'single_label_classification',
    num_labels: names.length,
    id2label: Object.fromEntries(names.map((name, i) => [i, name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    pad_token_id: padTokenId,
    'transformers.js_config': {
      dtype,
      ...(Object.keys(beside).length ? { use_external_data_format: beside } : {}),
    },
  };
}
