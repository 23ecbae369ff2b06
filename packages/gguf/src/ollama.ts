/**
 * @file Ollama's own Gemma 3 files: converters of 2025 wrote other keys than llama.cpp reads, and left some out. What they
 * mean is taken as Ollama's patch of llama.cpp takes it (llama/compat, `handle_gemma3`).
 */
import type { Metadata } from './fields.js';
import type { GgufValue } from './metadata.js';
import { isVision } from './names.js';

/** Keys that Ollama's converter alone writes. */
const MARKS = [
  'gemma3.mm.tokens_per_image',
  'gemma3.rope.global.freq_base',
  'gemma3.rope.local.freq_base',
  'tokenizer.ggml.add_padding_token',
  'tokenizer.ggml.add_unknown_token',
];

/** From this context on a Gemma 3 (4B, 12B, 27B) was extended by positions divided by 8. */
const EXTENDED_CONTEXT = 131072;

/** The metadata with llama.cpp's keys added where the file is Ollama's and lacks them; else as it is. */
export function withLlamaKeys(metadata: Metadata, tensorNames: Iterable<string>): Metadata {
  if (metadata.get('general.architecture') !== 'gemma3') return metadata;
  if (!MARKS.some((key) => metadata.has(key)) && ![...tensorNames].some(isVision)) return metadata;
  const filled = new Map(metadata);
  const fill = (key: string, value: GgufValue) => {
    if (!filled.has(key)) filled.set(key, value);
  };
  fill('gemma3.rope.freq_base', metadata.get('gemma3.rope.global.freq_base') ?? 1e6);
  fill('gemma3.rope.freq_base_swa', metadata.get('gemma3.rope.local.freq_base') ?? 1e4);
  fill('gemma3.attention.layer_norm_rms_epsilon', 1e-6);
  const context = metadata.get('gemma3.context_length');
  if (typeof context === 'number' && context >= EXTENDED_CONTEXT && !metadata.has('gemma3.rope.scaling.factor')) {
    filled.set('gemma3.rope.scaling.type', 'linear');
    filled.set('gemma3.rope.scaling.factor', 8);
  }
  return filled;
}
