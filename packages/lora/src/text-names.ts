/**
 * @file Adapters that were trained on a multimodal Gemma 3: modules of its text model have a longer path there
 * (`model.language_model.layers.0…` in transformers 5, `language_model.model.layers.0…` in transformers 4). On a model without a
 * head they have a shorter one (`layers.0…`).
 */
import type { LoraConfig } from './config.js';

const PREFIX = /^(?:model\.language_model\.|language_model\.model\.|language_model\.(?=layers\.)|(?=layers\.))/;
const BESIDE_TEXT = /(?:^|\.)(vision_tower|multi_modal_projector|audio_tower|embed_vision|embed_audio)\./;

/** The path of a module in the text model. */
export function textPath(path: string): string {
  return path.replace(PREFIX, 'model.');
}

/** The part of a multimodal model that a module belongs to and that reads no text: `vision_tower`. */
export function partBesideText(path: string): string | undefined {
  return BESIDE_TEXT.exec(path)?.[1];
}

/**
 * The configuration for the text model alone. An expression that spells the longer paths fits nothing there: the modules
 * that the file has matrices for are named one by one in its place.
 * @param paths Of all matrices in the file, as it names them.
 */
export function textConfig(config: LoraConfig, paths: string[]): LoraConfig {
  const { target_modules: wanted } = config;
  const isExpression = typeof wanted === 'string' && wanted !== 'all-linear';
  if (!isExpression || !paths.some((path) => PREFIX.test(path))) return config;
  return { ...config, target_modules: [...new Set(paths.map(textPath))] };
}
