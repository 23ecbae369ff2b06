/** @file A judge in the formats of other tools. */
export { baseId, type FramePart, frameParts, ownStart } from '../export-names.js';
export { GGUF_FORMS, type GgufFolderOptions, type GgufForm, writeGgufFolder } from '../gguf-folder.js';
export { type JudgeSource, judgeSource, type LowRank } from '../judge-source.js';
