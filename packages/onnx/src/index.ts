/** @file Judges as ONNX models. */
export { OnnxError } from './error.js';
export { type OnnxFolderOptions, writeOnnxFolder } from './folder.js';
export { WEIGHT_KINDS, type WeightKind } from './linear.js';
