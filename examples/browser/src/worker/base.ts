/** @file The base checkpoint: the built-in tiny one, or one that is kept in the browser's private file system. */
import type { Battle } from '@arena/data';
import { linearModules } from '@arena/decoder/family';
import { bytesFolder, type DownloadProgress, downloadCheckpoint, opfsFolder, opfsStore } from '@arena/files';
import { CHECKPOINT_FILES } from '@arena/files/hub';
import { tinyBaseFor } from '@arena/judge';
import type { Base as JudgeBase } from '@arena/judge/card';
import { openBase as openJudgeBase } from '@arena/judge/run';
import type { BaseChoice, BaseInfo } from '../protocol.js';
import { formFor } from './settings.js';
import { folder } from './storage.js';

export interface Base extends JudgeBase {
  info: BaseInfo;
  /** How to open it again after the page was reloaded. */
  kept: KeptBase;
}

export type KeptBase = { kind: 'tiny' } | { kind: 'stored'; name: string; folder: string };

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
  const isTiny = kept.kind === 'tiny';
  const location = isTiny
    ? bytesFolder(tinyBaseFor(battles, { hiddenSize: 64, layers: 4 }))
    : opfsFolder(await folder('bases', kept.folder));
  const base = await openJudgeBase(location, isTiny ? 'tiny base of random weights' : kept.name);
  const { name, config } = base;
  const linears = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const info = {
    name,
    layers: config.layers.length,
    hiddenSize: config.hiddenSize,
    parameters: linears + config.vocabSize * config.hiddenSize,
    vocabulary: config.vocabSize,
    form: formFor(config.hiddenSize),
  };
  return { ...base, info, kept };
}
