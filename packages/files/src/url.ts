/** @file Reads bytes of a web address by HTTP ranges. */
import { FileError } from './error.js';
import { codeOfStatus, refusalReason } from './refusal.js';
import { checkHeaders } from './secrets.js';
import { type ByteSource, blobSource, checkRange, type FileOpener, readStream } from './source.js';

/** How to read an address. Default: the global `fetch`. `signal` ends every read, also later ones. */
export interface UrlSourceOptions {
  fetch?: typeof fetch;
  /** Sent with every request, such as `{ authorization: 'Bearer ...' }`. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** For a server that ignores ranges: an error (default), or fetch the whole file once and hold it. */
  withoutRanges?: 'refuse' | 'hold';
}

/**
 * Opens an address whose server answers range requests. A request for one byte gives the size.
 * @throws FileError when the server refuses, ignores ranges (unless the file may be held), or the file changes between
 * two reads.
 * @example
 * const source = await urlSource('https://host/model.safetensors', { headers: { authorization: 'Bearer …' } });
 */
export async function urlSource(url: string, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const { withoutRanges = 'refuse' } = options;
  const changed = () => new FileError('changed', 'the file changed on the server while it was read', url);

  const first = await ask(url, 'bytes=0-0', options);
  const span = spanOf(first);
  const whole = withoutRanges === 'hold' && first.ok && !span;
  if (whole && first.status === 200) return blobSource(await first.blob(), url);
  await first.body?.cancel();
  if (whole) return blobSource(await (await askAll()).blob(), url);
  if (span?.begin !== 0) throw notARange(first, url, 0, 1);
  const { size } = span;
  const etag = first.headers.get('etag');

  async function askAll(): Promise<Response> {
    const response = await ask(url, undefined, options);
    if (response.ok) return response;
    await response.body?.cancel();
    throw new FileError(codeOfStatus(response.status), refusalReason(response), url, {
      cause: { status: response.status },
    });
  }

  return {
    size,
    name: url,
    async read(begin, end) {
      checkRange(begin, end, size, url);
      if (begin === end) return new Uint8Array(0);
      const response = await ask(url, `bytes=${begin}-${end - 1}`, options);
      const part = spanOf(response);
      const same = part?.size === size && part.last === end - 1 && response.headers.get('etag') === etag;
      if (part?.begin !== begin || !same) {
        await response.body?.cancel();
        throw part?.begin === begin ? changed() : notARange(response, url, begin, end);
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length !== end - begin) {
        throw new FileError('damaged', `${end - begin} bytes were asked for, ${bytes.length} came`, url);
      }
      return bytes;
    },
    async *stream() {
      const { body, headers } = await askAll();
      let came = 0;
      if (headers.get('etag') !== etag) {
        await body?.cancel();
        throw changed();
      }
      if (body) {
        for await (const part of readStream(body)) {
          came += part.length;
          yield part;
        }
      }
      if (came !== size) throw new FileError('damaged', `${size} bytes were asked for, ${came} came`, url);
    },
  };
}

/** The range of the file in an answer, if it answers a range request. */
function spanOf({ status, headers }: Response): { begin: number; last: number; size: number } | undefined {
  const span = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (status !== 206 || !span) return undefined;
  return { begin: Number(span[1]), last: Number(span[2]), size: Number(span[3]) };
}

function notARange(response: Response, url: string, begin: number, end: number): FileError {
  const reason =
    response.status === 200 ? 'the server ignores range requests; download the file first' : refusalReason(response);
  const cause = { status: response.status };
  return new FileError(codeOfStatus(response.status), `bytes ${begin} to ${end} cannot be read: ${reason}`, url, {
    cause,
  });
}

async function ask(url: string, range: string | undefined, options: UrlSourceOptions): Promise<Response> {
  const { fetch: request = fetch, headers = {}, signal } = options;
  checkHeaders(headers, url);
  try {
    return await request(url, { headers: range ? { ...headers, range } : headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    const { message, cause } = error as Error & { cause?: Error };
    throw new FileError(
      'network',
      `cannot be reached (${cause?.message || message}); in a browser, the server must allow cross-origin requests`,
      url,
      { cause: error },
    );
  }
}

/**
 * Opens the files of a folder at an address, for `openCheckpoint(urlFolder('https://host/folder/'))`. A file with
 * status 404 is absent.
 */
export function urlFolder(base: string, options: UrlSourceOptions = {}): FileOpener {
  return (file) => urlFile(`${base.replace(/\/$/, '')}/${encodeURIComponent(file)}`, options);
}

/** {@link urlSource}, or null for status 404. */
export async function urlFile(url: string, options: UrlSourceOptions = {}): Promise<ByteSource | null> {
  try {
    return await urlSource(url, options);
  } catch (error) {
    if (error instanceof FileError && error.code === 'not_found') return null;
    throw error;
  }
}
