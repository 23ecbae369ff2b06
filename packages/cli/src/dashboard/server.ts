/** @file A local page with the live charts of runs. It listens on localhost and only reads. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PAGE } from './page.js';
import { listRuns, readLog } from './runs.js';

export interface Dashboard {
  url: string;
  close(): void;
}

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/**
 * Serves the runs in a folder on 127.0.0.1. The server does not keep the process alive unless `keepAlive`.
 * @param port 0 for a free one.
 * @throws Error when the port is taken.
 */
export async function openDashboard(directory: string, port = 0, keepAlive = false): Promise<Dashboard> {
  const server = createServer((request, response) => {
    // a foreign page whose DNS name points here sends that name (DNS rebinding)
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    if (host !== '127.0.0.1' && host !== 'localhost') return reply(response, 403, 'text/plain', 'this page is local');
    if (request.method !== 'GET') return reply(response, 405, 'text/plain', 'GET is expected');
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    return void answer(directory, url, response).catch((error: Error) => {
      reply(response, 500, 'text/plain', error.message);
    });
  });
  await listen(server, port);
  if (!keepAlive) server.unref();
  const { port: bound } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${bound}/`, close };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const busy = error.code === 'EADDRINUSE';
      reject(new Error(`port ${port}: ${busy ? 'is taken; choose another' : `cannot be opened (${error.code})`}`));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}

async function answer(directory: string, url: URL, response: ServerResponse): Promise<void> {
  if (url.pathname === '/') return reply(response, 200, 'text/html; charset=utf-8', PAGE);
  const runs = await listRuns(directory);
  if (url.pathname === '/runs') return json(response, runs);
  const name = url.searchParams.get('run') ?? '';
  // accepts only names in the list: a request cannot give a path
  if (url.pathname !== '/log' || !runs.some((run) => run.name === name)) {
    return reply(response, 404, 'text/plain', 'there is nothing here');
  }
  const from = Number(url.searchParams.get('from') ?? 0);
  return json(response, await readLog(directory, name, Number.isSafeInteger(from) && from >= 0 ? from : 0));
}

function json(response: ServerResponse, value: unknown): void {
  reply(response, 200, 'application/json', JSON.stringify(value));
}

function reply(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type });
  response.end(body);
}
