/** @file A server on this machine that serves files by ranges, and fails as it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer {
  url: string;
  /** What was asked for: path and range. */
  asked: string[];
  /** Bytes of a long answer after which the connection breaks, once for each entry. */
  breaks: number[];
  /** Whether ranges are ignored. */
  whole: boolean;
  /** Answers in place of a file: status and headers, by path. */
  refusals: Map<string, { status: number; headers?: Record<string, string> }>;
  close(): Promise<void>;
}

/** @param files Content by path. */
export async function serveFiles(files: Map<string, Uint8Array | string>): Promise<FileServer> {
  const state: FileServer = {
    url: '',
    asked: [],
    breaks: [],
    whole: false,
    refusals: new Map(),
    close: async () => {},
  };
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  state.close = () =>
    new Promise((done) => {
      server.closeAllConnections();
      server.close(() => done());
    });

  function answer(request: IncomingMessage, response: ServerResponse) {
    const path = request.url!.replace(/\?.*/, '');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    state.asked.push(range ? `${path} ${range[1]}-${range[2]}` : path);
    const refused = state.refusals.get(path);
    const content = files.get(path);
    if (refused) return response.writeHead(refused.status, refused.headers).end();
    if (content === undefined) return response.writeHead(404).end();
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const begin = range && !state.whole ? Number(range[1]) : 0;
    const end = range?.[2] && !state.whole ? Number(range[2]) + 1 : bytes.length;
    const part = bytes.subarray(begin, end);
    response.writeHead(range && !state.whole ? 206 : 200, {
      'content-length': part.length,
      ...(range && !state.whole && { 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` }),
    });
    const limit = part.length > 1000 ? state.breaks.shift() : undefined;
    if (limit === undefined) return response.end(part);
    response.write(part.subarray(0, limit), () => setTimeout(() => response.destroy(), 20));
  }
  return state;
}
