/** @file A training pass of a tiny 4-bit Gemma 2 with LoRA, made in memory: the same in Node and in a browser. */
import { type Activations, type Classifier, trainableParameters, trainingPass } from '@arena/decoder';
import { checkpointEmbedding } from '@arena/decoder/checkpoint';
import { linearModules, tensorTable } from '@arena/decoder/family';
import { emptyLayer, putModule, uploadLora } from '@arena/decoder/model';
import { bytesSource } from '@arena/files';
import { GEMMA2_2B, gemma2 } from '@arena/gemma';
import { initAdapter, loraConfig } from '@arena/lora';
import { resolveTargets, SCORE_KEY } from '@arena/lora/names';
import { quantize4bit } from '@arena/quant';
import { uploadWeight4bit } from '@arena/quant/ops';
import { Mt19937, normal } from '@arena/random';
import { parameter } from '@arena/runtime';
import { openWeights, serialize } from '@arena/safetensors';
import { adamW } from '@arena/trainer';
import { dispose, memory, tensor1d, tensor2d } from '@tensorflow/tfjs-core';

const CONFIG = gemma2.parseConfig(
  {
    ...GEMMA2_2B,
    vocab_size: 50,
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    query_pre_attn_scalar: 16,
    sliding_window: 8,
    torch_dtype: 'float32',
  },
  'config.json',
);

const EMBEDDING = 'model.embed_tokens.weight';

/** What a training pass gave. */
export interface TrainingResult {
  loss: number;
  logits: number[];
  /** By parameter name. */
  gradients: { [name: string]: number[] };
  /** Before clipping. */
  gradientNorm: number;
  /** After a step of AdamW, by parameter name. */
  weights: { [name: string]: number[] };
}

const LEARNING_RATE = 1e-2;
const LABELS = [0, 1, 0];

/** Three sequences of 7, 3 and 21 tokens. */
function tinyBatch() {
  const ids = Int32Array.from({ length: 31 }, (_, i) => 3 + ((i * 17) % 40));
  return { ids, offsets: Int32Array.of(0, 7, 10, 31) };
}

/** One training step with dropout: {@link trainingPass}, then AdamW with clipping and weight decay. */
export async function trainTiny(activations: Partial<Activations> = {}): Promise<TrainingResult> {
  const model = await tinyModel();
  const parameters = trainableParameters(model);
  // with the usual eps of 1e-8 the first step is the gradient's sign, which rounding decides where a gradient is almost zero
  const optimizer = adamW(parameters, { weightDecay: 0.1, eps: 1e-2 });
  const options = { activations, dropout: { seed: 5, step: 3 } };
  const { loss, logits } = await trainingPass(model, tinyBatch(), LABELS, options);
  const gradients: TrainingResult['gradients'] = {};
  for (const { name, gradient } of parameters) gradients[name] = [...(await gradient!.data())];
  const gradientNorm = await optimizer.step(LEARNING_RATE);
  const weights: TrainingResult['weights'] = {};
  for (const { name, value } of parameters) weights[name] = [...(await value.data())];
  const result = { loss: (await loss.data())[0], logits: [...(await logits.data())], gradients, gradientNorm, weights };
  dispose([loss, logits]);
  optimizer.dispose();
  await model.dispose();
  return result;
}

/** What was held after each step of {@link trainTinySteps}. */
export interface StepMemory {
  tensors: number;
  /** On a GPU: buffers in use or kept for later. */
  allocatedBytes: number;
  loss: number;
}

/** Trains the tiny model for many steps on one batch. */
export async function trainTinySteps(steps: number): Promise<StepMemory[]> {
  const model = await tinyModel();
  const optimizer = adamW(trainableParameters(model));
  const held: StepMemory[] = [];
  for (let step = 0; step < steps; step++) {
    const { loss, logits } = await trainingPass(model, tinyBatch(), LABELS, { dropout: { seed: 5, step } });
    const [value] = await loss.data();
    dispose([loss, logits]);
    await optimizer.step(LEARNING_RATE);
    const { numTensors, numBytesAllocatedInGPU = 0 } = memory() as ReturnType<typeof memory> & {
      numBytesAllocatedInGPU?: number;
    };
    held.push({ tensors: numTensors, allocatedBytes: numBytesAllocatedInGPU, loss: value });
  }
  optimizer.dispose();
  await model.dispose();
  return held;
}

async function tinyModel(): Promise<Classifier> {
  const { vocabSize, hiddenSize, numLabels } = CONFIG;
  const generator = new Mt19937(7);
  const draw = (count: number, fanIn: number) => normal(generator, count, 0, fanIn ** -0.5);

  const embeddings = draw(vocabSize * hiddenSize, hiddenSize);
  const file = serialize([
    { name: EMBEDDING, dtype: 'F32', shape: [vocabSize, hiddenSize], data: new Uint8Array(embeddings.buffer) },
  ]);
  const checkpoint = await openWeights(async (name) => (name === 'model.safetensors' ? bytesSource(file) : null));

  const config = loraConfig({
    r: 4,
    lora_alpha: 8,
    lora_dropout: 0.1,
    init_lora_weights: false, // B is not zero, so that every gradient counts
    target_modules: 'all-linear',
  });
  const targets = resolveTargets(config, linearModules(CONFIG));
  const adapters = initAdapter(config, targets, 1);
  const norm = () => ({ weight: tensor1d(normal(generator, hiddenSize, 0, 0.1)) });
  const layers = CONFIG.layers.map((shape, index) => emptyLayer(index, shape));
  const table = tensorTable(CONFIG);
  for (const place of table) if (place.role === 'norm') putModule(layers[place.layer], place.module, norm());
  for (const place of table) {
    if (place.role !== 'linear') continue;
    const { path, shape, layer, module } = place;
    const weight = uploadWeight4bit(quantize4bit(draw(shape[0] * shape[1], shape[1]), shape));
    const index = targets.findIndex((target) => target.path === path);
    putModule(layers[layer], module, {
      path,
      weight,
      lora: uploadLora(targets[index], index, adapters.get(path)!, config),
    });
  }
  const model: Classifier = {
    config: CONFIG,
    embedding: checkpointEmbedding(checkpoint, EMBEDDING),
    layers,
    norm: norm(),
    score: parameter(SCORE_KEY, tensor2d(draw(numLabels * hiddenSize, hiddenSize), [numLabels, hiddenSize])),
    lora: { config, targets },
    dispose: () => checkpoint.close(), // the tensors go with the engine
  };
  return model;
}
