/** @file A cache for `env.customCache` of transformers.js that shares its files with Arena and Hugging Face's own tools. */
import type { ByteSource } from '@arena/files';
import {
  accessToken,
  diskHubCache,
  HUB_ENDPOINT,
  type HubCache,
  hubModel,
  hubPlaces,
  opfsHubCache,
} from '@arena/files/hub';
import type { FillFile } from '@arena/files/write';
import { TransformersError } from './error.js';

/** What transformers.js asks of a cache. */
export interface ArenaCache {
  /** The file of an address: a response, or in Node the path of a graph, which onnxruntime reads from disk. */
  match(request: string): Promise<Response | string | undefined>;
  /**
   * Keeps a downloaded file, held against the size and the SHA-256 that the hub lists.
   * @throws TransformersError (`cache`) for an address that is not the hub's; FileError when the content differs or cannot be stored.
   */
  put(request: string, response: Response, onProgress?: (progress: Progress) => void): Promise<void>;
}

interface Progress {
  /** Per cent. */
  progress: number;
  loaded: number;
  total: number;
}

/** Where files are kept, and how the hub is asked. */
export interface ArenaCacheOptions {
  /** Default: Hugging Face's cache folder in Node (`HF_HOME`, `HF_HUB_CACHE`), `huggingface/hub` in OPFS elsewhere. */
  cache?: HubCache;
  /** Address of the hub. Default: `HF_ENDPOINT` in Node, https://huggingface.co. Set `env.remoteHost` to the same. */
  endpoint?: string;
  /** An access token, for gated and private models. Default in Node: `HF_TOKEN`, or that of `hf auth login`. */
  token?: string;
}

/**
 * One download for transformers.js, Arena and, in Node, Python: files lie where `arena` and huggingface_hub have them.
 *
 * Addresses that are not the hub's, such as onnxruntime's own files, go to the Cache API where there is one.
 * @example
 * env.useCustomCache = true;
 * env.customCache = arenaCache();
 */
export function arenaCache({ cache, endpoint, token }: ArenaCacheOptions = {}): ArenaCache {
  const isNode = typeof globalThis.process?.versions?.node === 'string';
  const kept = cache ?? (isNode ? diskHubCache() : opfsHubCache());
  const hub = (endpoint ?? (isNode ? hubPlaces().endpoint : undefined) ?? HUB_ENDPOINT).replace(/\/$/, '');

  return {
    async match(request) {
      const file = hubAddress(request, hub);
      if (!file) return (await others(request))?.match(request);
      if (GRAPH.test(file.name)) {
        const path = await kept.pathOf(file.id, file.name, file.revision);
        if (path !== undefined) return path;
      }
      const source = await kept.folder(file.id, file.revision)(file.name);
      return source ? responseOf(source) : undefined;
    },
    async put(request, response, onProgress) {
      const file = hubAddress(request, hub);
      if (!file) {
        const other = await others(request);
        if (other) return other.put(request, response);
        await response.body?.cancel();
        throw new TransformersError(
          'cache',
          `${request} is not a file of ${hub}: arenaCache({ endpoint }) names another hub`,
        );
      }
      // the commit that answered, where the response says it
      const revision = response.headers.get('x-repo-commit') ?? file.revision;
      try {
        const model = await hubModel(file.id, {
          revision,
          all: true,
          endpoint: hub,
          token: token ?? (isNode ? await accessToken() : undefined),
        });
        const entry = model.files.find(({ name }) => name === file.name);
        if (!entry) throw new TransformersError('cache', `${file.id}: the hub lists no ${file.name} at ${revision}`);
        await kept.add(model, entry, contentOf(response, entry.size, onProgress), file.revision);
      } finally {
        if (!response.bodyUsed) await response.body?.cancel();
      }
    },
  };
}

/** Graphs, and the constants beside them. */
const GRAPH = /\.onnx(_data(_\d+)?)?$/;

/** The hub's model, revision and file of an address; undefined for any other. */
function hubAddress(request: string, hub: string): { id: string; revision: string; name: string } | undefined {
  if (!request.startsWith(`${hub}/`)) return undefined;
  const path = request.slice(hub.length + 1);
  const { id, revision, name } =
    /^(?<id>\w[\w.-]*(?:\/\w[\w.-]*)?)\/resolve\/(?<revision>[^/]+)\/(?<name>[^?#]+)$/.exec(path)?.groups ?? {};
  return id === undefined ? undefined : { id, revision: decodeURIComponent(revision), name };
}

/** transformers.js' own cache in a browser. Paths of a page's own server are not kept: they are no addresses. */
async function others(request: string): Promise<Cache | undefined> {
  if (!/^https?:/.test(request)) return undefined;
  return globalThis.caches?.open('transformers-cache').catch(() => undefined);
}

/** Bytes of a part of a response. */
const PART = 1 << 22;

function responseOf(source: ByteSource): Response {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at < source.size) {
        const end = Math.min(source.size, at + PART);
        controller.enqueue(await source.read(at, end));
        at = end;
      }
      if (at < source.size) return;
      await source.close?.();
      controller.close();
    },
    async cancel() {
      await source.close?.();
    },
  });
  const type = /\.json$/.test(source.name ?? '') ? 'application/json' : 'application/octet-stream';
  return new Response(body as BodyInit, { headers: { 'content-length': String(source.size), 'content-type': type } });
}

function contentOf(response: Response, total: number, onProgress?: (progress: Progress) => void): FillFile {
  return async (write) => {
    let loaded = 0;
    const reader = response.body!.getReader();
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        await write(part.value);
        loaded += part.value.length;
        onProgress?.({ progress: total ? (100 * loaded) / total : 100, loaded, total });
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  };
}
