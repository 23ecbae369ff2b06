/** @file What a model family is made of: configuration fields, layer shapes, tensor names. */
export type { LayerShape, RopeShape } from '../config.js';
export {
  type ConfigFields,
  commonConfig,
  configFields,
  headCounts,
  object,
  ropeShape,
  slidingLayers,
  windowSize,
} from '../config-fields.js';
export { embeddingFactor, familyOf, parseConfig } from '../family.js';
export {
  type DecoderLinear,
  type LinearName,
  linearModules,
  type NormName,
  type TensorPlace,
  tensorTable,
} from '../tensors.js';
