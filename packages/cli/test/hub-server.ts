/** @file A server on this machine that answers as Hugging Face's hub does, as far as a download needs it. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Hub {
  url: string;
  /** Requests for the content of files: path and range. */
  downloads: string[];
  /** Bytes after which the next long answer breaks. */
  breakAfter?: number;
  close(): Promise<void>;
}

const COMMIT = 'c0ffee'.repeat(7).slice(0, 40);

/**
 * @param files Of the model `owner/tiny`; `owner/gated` has the same, for those whose token is `hf_accepted`.
 */
export async function openHub(files: Map<string, Buffer>): Promise<Hub> {
  const hub: Hub = { url: '', downloads: [], close: async () => {} };
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = () =>
    new Promise((done) => {
      server.closeAllConnections();
      server.close(() => done());
    });

  function answer(request: IncomingMessage, response: ServerResponse) {
    const { pathname } = new URL(request.url!, hub.url);
    const [, model] = /^(?:\/api\/models|\/cdn)?\/(owner\/(?:tiny|gated))\//.exec(pathname) ?? [];
    if (!model) return response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end();
    if (pathname.startsWith('/api/')) return response.end(JSON.stringify(description()));
    const file = pathname.split('/').at(-1)!;
    if (pathname.startsWith('/cdn/')) return sendRange(request, response, files.get(file)!);
    if (model === 'owner/gated' && request.headers.authorization !== 'Bearer hf_accepted') {
      const status = request.headers.authorization ? 403 : 401;
      return response.writeHead(status, { 'x-error-code': 'GatedRepo' }).end();
    }
    hub.downloads.push(`${file} ${request.headers.range ?? ''}`.trim());
    return response.writeHead(302, { location: `/cdn/${model}/${file}` }).end();
  }

  function description() {
    const siblings = [...files].map(([rfilename, content]) => {
      const lfs = /\.(safetensors|gguf)$/.test(rfilename) && {
        lfs: { sha256: createHash('sha256').update(content).digest('hex'), size: content.length },
      };
      const blobId = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
      return { rfilename, size: content.length, blobId, ...lfs };
    });
    return { sha: COMMIT, siblings };
  }

  function sendRange(request: IncomingMessage, response: ServerResponse, content: Buffer) {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const begin = Number(first ?? 0);
    const part = content.subarray(begin, last ? Number(last) + 1 : undefined);
    const range = { 'content-range': `bytes ${begin}-${begin + part.length - 1}/${content.length}` };
    response.writeHead(first ? 206 : 200, { 'content-length': part.length, ...(first && range) });
    const limit = part.length > 1000 ? hub.breakAfter : undefined;
    if (limit === undefined) return response.end(part);
    hub.breakAfter = undefined;
    response.write(part.subarray(0, limit), () => setTimeout(() => response.destroy(), 20));
  }
  return hub;
}
