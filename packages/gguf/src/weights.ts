/** @file The tensors of a Gemma 2 or 3 in a GGUF file as `Weights`, under Hugging Face's names. */
import type { StoredTensor, Weights } from '@arena/files';
import { decoderOf } from './dequantize.js';
import { GgufError } from './errors.js';
import { architectureOf, fieldsOf, layerCount } from './fields.js';
import type { GgufFile } from './file.js';
import { expectedTensors, HEAD, type HubName, isRopeFactors, isVision } from './names.js';

/**
 * The tensors of a Gemma 2 or 3 under Hugging Face's names (`model.layers.0.self_attn.q_proj.weight`), with the norms
 * less 1 that llama.cpp adds to them. `stored` is ggml's type, such as `Q4_K`; norms are F32. `lm_head.weight` is there
 * where the file has a head of its own. Nothing is read before it is asked for, but for factors on RoPE's frequencies.
 * Closing the weights closes the file.
 * @throws GgufError naming the tensor that is missing, is of a type that is not decoded, or would change the result and
 * is not followed (a bias, factors on RoPE's frequencies that are not 1); or the architecture that is not known.
 */
export async function ggufWeights(file: GgufFile): Promise<Weights> {
  const { place } = file;
  const architecture = architectureOf(file.metadata, place);
  const layers = layerCount(fieldsOf(file.metadata, architecture, place));
  const names = expectedTensors(architecture, layers);
  const ggmlNames = new Map<string, string>();
  const norms = new Set<string>();
  const tensors = new Map<string, StoredTensor>();
  const add = (ggml: string, { name, norm }: HubName) => {
    const tensor = file.tensors.get(ggml);
    if (!tensor)
      throw new GgufError('tensor', `is missing: a ${architecture} of ${layers} layers has it`, place, {
        tensor: ggml,
      });
    const { shape, type, bytes } = tensor;
    decoderOf(type, place, ggml);
    ggmlNames.set(name, ggml);
    if (norm) norms.add(name);
    const values = shape.reduce((product, size) => product * size, 1);
    tensors.set(name, {
      shape: [...shape],
      ...(norm ? { stored: 'F32', bytes: 4 * values } : { stored: type, bytes }),
    });
  };
  for (const [ggml, hub] of names) add(ggml, hub);
  if (file.tensors.has(HEAD[0])) add(...HEAD);
  await refuseOthers(file, new Set(ggmlNames.values()));

  const find = (name: string) => {
    const ggml = ggmlNames.get(name);
    if (ggml !== undefined) return ggml;
    throw new GgufError('tensor', `is not among the ${tensors.size} tensors of the model`, place, { tensor: name });
  };
  const readFloat32 = async (name: string, rows?: [begin: number, end: number]) => {
    const values = await file.readFloat32(find(name), rows);
    if (norms.has(name)) for (let i = 0; i < values.length; i++) values[i] -= 1;
    return values;
  };
  return {
    place,
    tensors,
    readFloat32,
    async *readStored(name) {
      const ggml = find(name);
      if (!norms.has(name)) yield* file.readStored(ggml);
      else yield new Uint8Array((await readFloat32(name)).buffer);
    },
    close: () => file.close(),
  };
}

/** Every tensor is one of the model's, of the image part, or shown to change nothing. */
async function refuseOthers(file: GgufFile, known: Set<string>): Promise<void> {
  for (const [tensor, { shape }] of file.tensors) {
    if (known.has(tensor) || isVision(tensor)) continue;
    const factors = isRopeFactors(tensor) && shape.length === 1;
    if (factors && (await file.readFloat32(tensor)).every((factor) => factor === 1)) continue;
    const why = 'would change the result and is not followed here: take a file of the model without it';
    throw new GgufError('tensor', why, file.place, { tensor });
  }
}
