/** @file A host of static files that sends no headers of its own, as most do, and that can be away. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
};

export interface StaticHost {
  port: number;
  url: string;
  /** The folder that it serves from now on. */
  serve(folder: string): void;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

export async function staticHost(folder: string): Promise<StaticHost> {
  let root = folder;
  let server: Server;
  const listen = async (port: number) => {
    server = createServer(async ({ url = '' }, response) => {
      const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
      const file = join(root, path.endsWith('/') ? `${path}index.html` : path);
      const found = await stat(file).catch(() => undefined);
      if (!found?.isFile()) return response.writeHead(404).end();
      const type = TYPES[extname(file)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-length': found.size });
      createReadStream(file).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  return {
    port,
    url: `http://localhost:${port}/`,
    serve(other) {
      root = other;
    },
    async goAway() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    async comeBack() {
      await listen(port);
    },
  };
}
