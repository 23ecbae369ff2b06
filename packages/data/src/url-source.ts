/** @file A file on a web server, read by ranges. */

import { DataError } from './error.js';
import { type ByteSource, blobSource, readStream } from './source.js';

/** Opens a URL. A server without ranges is read whole, once, so that the formats work all the same. */
export async function urlSource(url: URL): Promise<ByteSource> {
  const name = url.pathname.split('/').at(-1) || url.host;
  const probe = await get(url, { Range: 'bytes=0-0' });
  if (probe.status !== 206) return blobSource(await probe.blob(), name);
  await probe.body?.cancel();
  const total = /\/(\d+)$/.exec(probe.headers.get('Content-Range') ?? '');
  if (!total) return blobSource(await (await get(url, {})).blob(), name);
  return {
    name,
    byteLength: Number(total[1]),
    async slice(start, end) {
      if (end <= start) return new Uint8Array(0);
      const response = await get(url, { Range: `bytes=${start}-${end - 1}` });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (response.status !== 206 || bytes.length !== end - start) {
        throw new DataError(
          `bytes ${start} to ${end - 1} asked for, ${bytes.length} came with status ${response.status}`,
          { file: name },
        );
      }
      return bytes;
    },
    async *stream() {
      const { body } = await get(url, {});
      if (body) yield* readStream(body);
    },
  };
}

async function get(url: URL, headers: Record<string, string>): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (cause) {
    throw new DataError(
      'the server cannot be reached (in a browser, it must allow cross-origin requests)',
      { file: url.href },
      { cause },
    );
  }
  if (!response.ok)
    throw new DataError(`the server answered ${response.status} ${response.statusText}`.trim(), { file: url.href });
  return response;
}
