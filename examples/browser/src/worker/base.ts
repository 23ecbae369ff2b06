/** @file The base checkpoint: the built-in tiny one, or one that is kept in the browser's private file system. */
import type { Battle } from '@arena/data';
import { type DecoderConfig, linearModules } from '@arena/decoder';
import { readConfig, tinyBaseFiles } from '@arena/gemma';
import {
  bytesFolder,
  CHECKPOINT_FILES,
  type DownloadProgress,
  downloadCheckpoint,
  type FileOpener,
  opfsFolder,
  opfsStore,
  readFileAt,
} from '@arena/safetensors';
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';
import type { BaseChoice, BaseInfo } from '../protocol.js';
import { folder } from './storage.js';

export interface Base {
  info: BaseInfo;
  /** How to open it again after the page was reloaded. */
  kept: KeptBase;
  location: FileOpener;
  config: DecoderConfig;
  tokenizer: Tokenizer;
}

export type KeptBase = { kind: 'tiny' } | { kind: 'stored'; name: string; folder: string };

/** Battles whose texts the tiny base's tokenizer learns its words from. */
const TOKENIZER_BATTLES = 300;

/** Brings the chosen base here and opens it. What was downloaded before is not downloaded again. */
export async function chooseBase(
  choice: BaseChoice,
  battles: Battle[],
  onProgress: (progress: DownloadProgress) => void,
): Promise<Base> {
  if (choice.kind === 'tiny') return openBase({ kind: 'tiny' }, battles);
  const name = choice.kind === 'url' ? choice.url : choice.name;
  const place = encodeURIComponent(name).replaceAll('%', '_').slice(-120);
  const store = opfsStore(await folder('bases', place));
  if (choice.kind === 'url') {
    if (!/^https?:\/\//.test(choice.url))
      throw new Error(`${choice.url}: an address (https://…) of a folder is expected`);
    await downloadCheckpoint(choice.url, store, { onProgress });
  } else {
    const wanted = choice.files.filter(({ name }) => isCheckpointFile(name));
    const files = wanted.map((file) => ({ name: file.name, size: file.size, url: URL.createObjectURL(file) }));
    try {
      await downloadCheckpoint(files, store, { onProgress });
    } finally {
      for (const { url } of files) URL.revokeObjectURL(url);
    }
  }
  return openBase({ kind: 'stored', name, folder: place }, battles);
}

function isCheckpointFile(name: string): boolean {
  return (CHECKPOINT_FILES as readonly string[]).includes(name) || /\.safetensors(\.index\.json)?$/.test(name);
}

/** Opens a base that is here. */
export async function openBase(kept: KeptBase, battles: Battle[]): Promise<Base> {
  const location = kept.kind === 'tiny' ? tinyBase(battles) : opfsFolder(await folder('bases', kept.folder));
  const name = kept.kind === 'tiny' ? 'tiny base of random weights' : kept.name;
  const config = await readConfig(location);
  const json = await readFileAt(location, 'tokenizer.json');
  if (!json) throw new Error(`${name}: has no tokenizer.json beside its weights`);
  const tokenizer = loadTokenizer(json);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new Error(`${name}: its tokenizer has ${tokenizer.vocabSize} tokens, its config.json ${config.vocabSize}`);
  }
  const linears = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const info = {
    name,
    layers: config.layers.length,
    hiddenSize: config.hiddenSize,
    parameters: linears + config.vocabSize * config.hiddenSize,
    vocabulary: config.vocabSize,
  };
  return { info, kept, location, config, tokenizer };
}

function tinyBase(battles: Battle[]): FileOpener {
  const texts = battles
    .slice(0, TOKENIZER_BATTLES)
    .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  return bytesFolder(tinyBaseFiles(texts, { hiddenSize: 64, layers: 4 }));
}
