/** @file Bytes of a web address, read by HTTP ranges. */
import { SafetensorsError } from './errors.js';
import type { FileOpener } from './location.js';
import { refusal } from './refusal.js';
import { type ByteSource, checkRange } from './source.js';

/** How an address is read. Default the global `fetch`; `signal` ends every read, also later ones. */
export interface UrlSourceOptions {
  fetch?: typeof fetch;
  /** Sent with every request, such as `{ authorization: 'Bearer ...' }`. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Opens an address whose server answers range requests. The size comes from the answer to a request for one byte.
 * @throws SafetensorsError when the server refuses, ignores ranges, or the file changes between two reads.
 */
export async function urlSource(url: string, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const { fetch: request = fetch, headers = {}, signal } = options;

  async function range(begin: number, end: number) {
    let response: Response;
    try {
      response = await request(url, { headers: { ...headers, range: `bytes=${begin}-${end - 1}` }, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new SafetensorsError(`cannot be fetched: ${error instanceof Error ? error.message : String(error)}`, url);
    }
    const span = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    if (response.status !== 206 || !span || Number(span[1]) !== begin) {
      await response.body?.cancel();
      const reason =
        response.status === 200
          ? 'the server ignores range requests; download the file first'
          : refusal(response, '').message.replace(/^: /, '');
      const failure = new SafetensorsError(`bytes ${begin} to ${end} cannot be read: ${reason}`, url);
      failure.cause = { status: response.status };
      throw failure;
    }
    return { response, last: Number(span[2]), size: Number(span[3]), etag: response.headers.get('etag') };
  }

  const first = await range(0, 1);
  await first.response.body?.cancel();
  const { size, etag } = first;
  return {
    size,
    name: url,
    async read(begin, end) {
      checkRange(begin, end, size, url);
      if (begin === end) return new Uint8Array(0);
      const part = await range(begin, end);
      if (part.size !== size || part.etag !== etag || part.last !== end - 1) {
        await part.response.body?.cancel();
        throw new SafetensorsError('the file changed on the server while it was read', url);
      }
      const bytes = new Uint8Array(await part.response.arrayBuffer());
      if (bytes.length !== end - begin) {
        throw new SafetensorsError(`${end - begin} bytes were asked for, ${bytes.length} came`, url);
      }
      return bytes;
    },
  };
}

/**
 * Opens files beside each other at an address, for `openCheckpoint(urlFolder('https://host/folder/'))`.
 * A file that the server does not know (404) is absent.
 */
export function urlFolder(base: string, options: UrlSourceOptions = {}): FileOpener {
  return async (file) => {
    try {
      return await urlSource(`${base.replace(/\/$/, '')}/${encodeURIComponent(file)}`, options);
    } catch (error) {
      const cause = error instanceof SafetensorsError ? (error.cause as { status?: number } | undefined) : undefined;
      if (cause?.status === 404) return null;
      throw error;
    }
  };
}
