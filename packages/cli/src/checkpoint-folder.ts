/** @file Writes a checkpoint folder from another one. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointView } from '@arena/decoder/checkpoint';
import { diskStore } from '@arena/files';
import { type FileTarget, replaceFolder } from '@arena/files/write';
import { readGgufBase } from '@arena/gemma';
import { writeCheckpoint } from '@arena/safetensors';
import { type SentencePieceVocabulary, tokenizerJson } from '@arena/tokenizer';

/** Names of a tokenizer's files in a checkpoint. */
export const TOKENIZER = /^(tokenizer.*|special_tokens_map\.json)$/;

/**
 * Writes a view of the checkpoint in `base` to a new folder, with those files of the base that `copied` matches, or with
 * the tokenizer of a GGUF file; closes the view.
 * @param others More files for the folder, by name.
 */
export async function writeCheckpointFolder(
  out: string,
  { weights, config }: CheckpointView,
  base: string,
  copied: RegExp,
  others: Record<string, string> = {},
): Promise<void> {
  try {
    const vocabulary = (await readGgufBase(base))?.vocabulary();
    const files = vocabulary ? [] : (await readdir(base)).filter((file) => copied.test(file));
    const tokenizer = vocabulary && tokenizerFiles(vocabulary);
    const beside = { config, copied: { from: base, files }, others: { ...tokenizer, ...others } };
    await replaceFolder(out, (folder) => writeCheckpoint(diskStore(folder), weights, beside), { isNew: true });
  } finally {
    await weights.close();
  }
}

/** Adds a base's tokenizer to a folder: its files, or those of a GGUF file's vocabulary. */
export async function writeTokenizer(folder: FileTarget, base: string): Promise<void> {
  const vocabulary = (await readGgufBase(base))?.vocabulary();
  if (vocabulary) {
    for (const [name, text] of Object.entries(tokenizerFiles(vocabulary))) await folder.write(name, text);
    return;
  }
  for (const name of (await readdir(base)).filter((file) => TOKENIZER.test(file))) {
    await folder.write(name, await readFile(join(base, name)));
  }
}

/** The tokenizer of a GGUF file as the Hugging Face tools have it. */
function tokenizerFiles(vocabulary: SentencePieceVocabulary): Record<string, string> {
  const { tokens, bosId, eosId, padId, unkId, addBos, addEos } = vocabulary;
  const token = (id: number | undefined) => (id === undefined ? undefined : tokens[id]);
  const config = {
    add_bos_token: addBos,
    add_eos_token: addEos,
    bos_token: token(bosId),
    clean_up_tokenization_spaces: false,
    eos_token: token(eosId),
    pad_token: token(padId),
    tokenizer_class: 'GemmaTokenizerFast',
    unk_token: token(unkId),
  };
  return {
    'tokenizer.json': tokenizerJson(vocabulary),
    'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n`,
  };
}
