/** @file Which linear layers of a model get an adapter, with what rank and scaling (peft/tuners/tuners_utils.py). */

import type { LoraConfig } from './config.js';
import { layerNumber, pathEnd, savedModule } from './config-rules.js';
import { LoraError } from './error.js';
import { pythonRegex } from './python-regex/regex.js';

/** A linear layer that could carry an adapter. */
export interface LinearModule {
  /** Path in the model, such as `model.layers.6.self_attn.q_proj`. */
  path: string;
  inFeatures: number;
  outFeatures: number;
}

/** A linear layer that gets an adapter: A [r, inFeatures] and B [outFeatures, r]. */
export interface LoraTarget extends LinearModule {
  r: number;
  alpha: number;
  /** alpha / r, or alpha / sqrt(r) with use_rslora. */
  scaling: number;
}

/**
 * The modules that `config` targets, in the order of `modules` (the model's order, used by initialisation).
 * @throws LoraError when none match: an adapter that adapts nothing is a mistake.
 */
export function resolveTargets(config: LoraConfig, modules: LinearModule[]): LoraTarget[] {
  const targets = modules
    .filter(({ path }) => isTarget(config, path))
    .map((module) => {
      const r = patternValue(config.rank_pattern, module.path) ?? config.r;
      const alpha = patternValue(config.alpha_pattern, module.path) ?? config.lora_alpha;
      return { ...module, r, alpha, scaling: adapterScaling(config, module.path, r) };
    });
  if (!targets.length) {
    const wanted = JSON.stringify(config.target_modules);
    const layers = config.layers_to_transform ? ` in layers ${JSON.stringify(config.layers_to_transform)}` : '';
    throw new LoraError(
      'targets',
      `LoRA: no linear layer matches ${wanted}${layers}; the model has ${modules[0]?.path ?? 'none'}, …`,
    );
  }
  return targets;
}

/** Factor on B A of a module: alpha / r, or alpha / sqrt(r) with use_rslora. */
export function adapterScaling(config: LoraConfig, path: string, r: number): number {
  const alpha = patternValue(config.alpha_pattern, path) ?? config.lora_alpha;
  return config.use_rslora ? alpha / Math.sqrt(r) : alpha / r;
}

/** The value of the first pattern that matches the end of `path`, whole or after a dot. */
function patternValue(patterns: Record<string, number>, path: string): number | undefined {
  const key = Object.keys(patterns).find((pattern) => pythonRegex(pathEnd(pattern)).match(path));
  return key === undefined ? undefined : patterns[key];
}

function isTarget(config: LoraConfig, path: string): boolean {
  const { target_modules: wanted, exclude_modules: excluded, layers_to_transform: layers } = config;
  if (excluded && matches(excluded, path)) return false;
  if (config.modules_to_save?.some((saved) => pythonRegex(savedModule(saved)).match(path))) return false;
  if (wanted === 'all-linear') return true;
  if (!matches(wanted, path)) return false;
  // A whole path selects its module in any layer.
  if (layers === null || (Array.isArray(wanted) && wanted.includes(path))) return true;
  const layer = layerIndex(config, path);
  return layer !== undefined && layers.includes(layer);
}

function matches(names: string[] | string, path: string): boolean {
  if (typeof names === 'string') return pythonRegex(names).fullmatch(path);
  return names.some((name) => path === name || path.endsWith(`.${name}`));
}

/** PEFT takes the first expression that fits, whether or not the layer's number takes part in it. */
function layerIndex({ layers_pattern: pattern }: LoraConfig, path: string): number | undefined {
  const expressions = pattern === null ? ['.*?\\.[^.]*\\.(?P<idx>\\d+)\\.'] : [pattern].flat().map(layerNumber);
  for (const expression of expressions) {
    const groups = pythonRegex(expression).match(path);
    if (groups) return groups.idx === undefined ? undefined : Number(groups.idx);
  }
  return undefined;
}
