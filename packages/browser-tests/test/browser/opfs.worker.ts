/** @file A Worker that keeps models in OPFS, where files have synchronous access. */
import { forward } from '@arena/decoder';
import { bytesFolder, downloadCheckpoint, type Location, opfsStore } from '@arena/files';
import type { RemoteFile } from '@arena/files/hub';
import { loadGemma } from '@arena/gemma';
import { quantizedCheckpoint, randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { writeCheckpoint } from '@arena/safetensors';

/** What the Worker can be asked for. */
export interface OpfsRequest {
  /** A folder of OPFS. */
  folder: string;
  /** Downloads a file into it and answers with its size there. */
  file?: RemoteFile;
  /** Keeps a random model in it and answers with logits of it, of the same from memory, and of a 4-bit copy written beside it. */
  config?: Record<string, unknown>;
}

async function logitsOf(source: Location): Promise<number[]> {
  const lora = { config: loraConfig({ r: 2, target_modules: 'all-linear', init_lora_weights: false }), seed: 1 };
  const model = await loadGemma(source, { quantization: {}, lora });
  const ids = Int32Array.of(2, 17, 30, 2, 9);
  const logits = await forward(model, { ids, offsets: Int32Array.of(0, 3, 5) });
  const values = [...(await logits.data())];
  logits.dispose();
  await model.dispose();
  return values;
}

addEventListener('message', async ({ data }: MessageEvent<OpfsRequest>) => {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(data.folder, { create: true });
    const store = opfsStore(folder);
    if (data.file) {
      await downloadCheckpoint([data.file], store);
      const source = await store.open(data.file.name);
      return postMessage({ result: source?.size });
    }
    const files = randomCheckpointFiles(data.config!);
    const remote = Object.entries(files).map(([name, content]) => {
      const blob = new Blob([content as Uint8Array<ArrayBuffer>]);
      return { name, url: URL.createObjectURL(blob), size: blob.size };
    });
    await downloadCheckpoint(remote, store);
    await openEngine('cpu');
    const quantized = opfsStore(await folder.getDirectoryHandle('4bit', { create: true }));
    for (let times = 0; times < 2; times++) {
      const { weights, config } = await quantizedCheckpoint(store.open);
      await writeCheckpoint(quantized, weights, { config }); // the second in place of the first
      await weights.close();
    }
    const sources = [store.open, bytesFolder(files), quantized.open];
    const result: number[][] = [];
    for (const source of sources) result.push(await logitsOf(source));
    postMessage({ result });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
