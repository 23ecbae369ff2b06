/** @file The proxy of the environment: requests go through it, NO_PROXY is left out, and its password stands nowhere. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { proxyNote, useProxy } from '../src/hub/proxy.js';

const seen: string[] = [];
let site: Server;
let proxy: Server;
const portOf = (server: Server) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  site = createServer((_, response) => response.end('the site'));
  proxy = createServer((asked: IncomingMessage, response) => {
    seen.push(`${asked.method} ${asked.url} ${asked.headers['proxy-authorization'] ?? ''}`.trim());
    const { pathname } = new URL(asked.url!);
    request({ port: portOf(site), path: pathname }, (answer) => answer.pipe(response)).end();
  });
  proxy.on('connect', (asked, socket) => {
    seen.push(`CONNECT ${asked.url}`);
    const other = connect(portOf(site), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      other.pipe(socket).pipe(other);
    });
    for (const one of [other, socket]) one.on('error', () => {});
  });
  for (const server of [site, proxy]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  for (const server of [site, proxy]) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  seen.length = 0;
});

/** Fetches in a process of its own: the setting is one of the whole process. */
async function fetched(url: string, env: NodeJS.ProcessEnv): Promise<string> {
  const module = new URL('../dist/hub/proxy.js', import.meta.url).href;
  const code = `const { useProxy } = await import(${JSON.stringify(module)}); await useProxy();
    console.log(await fetch(${JSON.stringify(url)}).then((r) => r.text(), (e) => String(e.cause?.code ?? e.cause)))`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH: process.env.PATH, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  await new Promise((done) => child.on('close', done));
  return said.trim();
}

test('plain addresses are asked of the proxy, https through a tunnel, NO_PROXY directly', async () => {
  const address = `http://me:secret@127.0.0.1:${portOf(proxy)}`;
  expect(await fetched('http://hub.invalid/x', { HTTP_PROXY: address })).toBe('the site');
  expect(seen).toEqual([`GET http://hub.invalid/x Basic ${Buffer.from('me:secret').toString('base64')}`]);
  seen.length = 0;
  expect(await fetched('https://hub.invalid/x', { https_proxy: address })).not.toContain('secret');
  expect(seen).toEqual(['CONNECT hub.invalid:443']);
  seen.length = 0;
  const direct = `http://127.0.0.1:${portOf(site)}/x`;
  expect(await fetched(direct, { ALL_PROXY: `127.0.0.1:${portOf(proxy)}` })).toBe('the site'); // no scheme: http
  expect(seen).toHaveLength(1);
  expect(await fetched(direct, { HTTP_PROXY: address, NO_PROXY: 'localhost,127.0.0.1' })).toBe('the site');
  expect(await fetched(direct, { HTTP_PROXY: '' })).toBe('the site');
  expect(seen).toHaveLength(1);
});

test('variables that hold no proxy are named, without their value', async () => {
  await expect(useProxy({ ALL_PROXY: 'socks5://me:secret@h' })).rejects.toThrow(
    /^ALL_PROXY: a proxy of the kind socks5:\/\/ is not/,
  );
  await expect(useProxy({ HTTPS_PROXY: 'http://me:secret@[' })).rejects.toThrow(
    /^HTTPS_PROXY: the address of a proxy is expected/,
  );
});

test('an error of the network says which variable names the proxy', () => {
  vi.unstubAllEnvs();
  expect(proxyNote({ HTTP_PROXY: 'http://me:secret@h' })).toBe('requests go through the proxy of HTTP_PROXY');
  expect(proxyNote({ HTTPS_PROXY: ' ' })).toBe('behind a proxy, set HTTPS_PROXY');
});
