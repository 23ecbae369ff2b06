/** @file Connections of the prediction server: slow clients, early answers, bodies together, and closing. */
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Battle } from '@arena/data';
import { afterEach, expect, test, vi } from 'vitest';
import { bodyMemory, type Refused } from '../src/serve/request.js';
import { type PredictionServer, type ServerOptions, startPredictionServer } from '../src/serve/server.js';

const OPTIONS: ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  maxBytes: 10_000,
  maxBattles: 8,
  queue: 1000,
  together: 16,
  connections: 500,
  timeout: 5000,
};
const half = async (battles: Battle[]) => battles.map(() => ({ probabilityA: 0.5 }));
const open: { close(): unknown }[] = [];
const start = async (options: Partial<ServerOptions> = {}, score = half): Promise<PredictionServer> => {
  const server = await startPredictionServer(score, { ...OPTIONS, ...options });
  open.push({ close: () => server.close(true) });
  return server;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

/** A socket with these bytes sent, and the text that came back. It never closes by itself. */
function raw({ url }: PredictionServer, text: string | Buffer): { socket: Socket; got: () => string } {
  let got = '';
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {}).on('data', (chunk) => (got += chunk));
  socket.write(text);
  open.push({ close: () => socket.destroy() });
  return { socket, got: () => got };
}

/** Sends a body and gives the status, or the error's code. */
function post({ url }: PredictionServer, body: string, headers: Record<string, string | number> = {}) {
  return new Promise<string>((resolve) => {
    const sent = request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    });
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(`no answer: ${error.code}`));
    sent.end(body);
  });
}

const GOOD = JSON.stringify({ prompt: 'p', response_a: 'a', response_b: 'b' });
const HEAD = 'POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
const whole = (body: string) => `${HEAD}content-length: ${body.length}\r\n\r\n${body}`;

test('slow headers, slow bodies and silent sockets give their places back', { timeout: 30_000 }, async () => {
  const server = await start({ connections: 6, timeout: 400 });
  const slow = [0, 1, 2, 3, 4, 5].map((i) => raw(server, [HEAD, `${HEAD}content-length: 100\r\n\r\n{`, ''][i % 3]));
  await vi.waitFor(async () => expect(await post(server, GOOD)).toMatch(/^200/), { timeout: 20_000, interval: 100 });
  expect(slow[0].got()).toMatch(/^HTTP\/1\.1 408 .*"error"/s);
  expect(slow[1].got()).toMatch(/^HTTP\/1\.1 408 .*"error"/s);
});

test('bytes that are no HTTP are answered, and their sender, who never closes, gives its place back', async () => {
  const server = await start({ connections: 2 });
  const odd = [0, 1].map(() => raw(server, 'what is this?\r\n\r\n'));
  await vi.waitFor(() => expect(odd[1].got()).toMatch(/^HTTP\/1\.1 400 .*not HTTP/s));
  await vi.waitFor(async () => expect(await post(server, GOOD)).toMatch(/^200/), { timeout: 10_000, interval: 100 });
});

test('a 413 arrives, however much the client goes on to send', { timeout: 60_000 }, async () => {
  const server = await start();
  const large = 'x'.repeat(60e6);
  const ways: Record<string, string>[] = [{}, { 'transfer-encoding': 'chunked' }, { expect: '100-continue' }];
  for (const headers of ways) {
    expect(await post(server, large, headers)).toMatch(/^413 .*larger than 10000 bytes/);
  }
  const other = await fetch(`${server.url}/predict`, {
    method: 'POST',
    body: large,
    headers: { 'content-type': 'application/json' },
  });
  expect(other.status).toBe(413);
  for (const [headers, status] of [
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-encoding': 'gzip' }, 415],
  ] as const) {
    expect(await post(server, large, headers)).toMatch(new RegExp(`^${status}`));
  }
  expect(await post(server, GOOD)).toMatch(/^200/);
  const two = raw(server, whole('{not json') + whole(GOOD));
  await vi.waitFor(() => expect(two.got().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 200']));
});

test('a body waits for 100 Continue only where nothing speaks against it', async () => {
  const server = await start();
  const asks = (length: number) => raw(server, `${HEAD}expect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`);
  const good = asks(GOOD.length);
  await vi.waitFor(() => expect(good.got()).toMatch(/^HTTP\/1\.1 100/));
  good.socket.write(GOOD);
  await vi.waitFor(() => expect(good.got()).toMatch(/HTTP\/1\.1 200/));
  const large = asks(1e9);
  await vi.waitFor(() => expect(large.got()).toMatch(/^HTTP\/1\.1 413/));
});

test('headers and addresses that are too long have statuses of their own', async () => {
  const server = await start();
  for (const [text, status] of [
    [`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 414],
    [`GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    ['nonsense\r\n\r\n', 400],
  ] as const) {
    const { got } = raw(server, text);
    await vi.waitFor(() => expect(got()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `)));
  }
});

test('a compressed body is refused in words', async () => {
  expect(await post(await start(), GOOD, { 'content-encoding': 'gzip' })).toMatch(/^415 .*content-encoding gzip/);
});

test('bodies together have a bound: what is released counts no more', () => {
  const memory = bodyMemory(10e6);
  const held = Array.from({ length: 6 }, () => memory.open());
  for (const one of held) one.add(10e6);
  const status = (run: () => void) => {
    try {
      run();
    } catch (error) {
      return (error as Refused).status;
    }
  };
  expect(status(() => held[0].add(1))).toBe(413);
  const more = memory.open();
  expect(status(() => more.add(9e6))).toBe(503);
  more.release();
  held[1].release();
  expect(status(() => memory.open().add(9e6))).toBeUndefined();
});

test('closing ends beside idle, half-sent and busy clients, and answers those that were there', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let taken = 0;
  const server = await start({ timeout: 60_000 }, async (battles) => {
    taken++;
    return held.then(() => half(battles));
  });
  const silent = raw(server, '');
  const inHead = raw(server, HEAD);
  const inBody = raw(server, `${HEAD}content-length: 100\r\n\r\n{`);
  const running = raw(server, whole(GOOD));
  await vi.waitFor(() => expect(taken).toBe(1));
  await wait(100);
  const late = raw(server, '');
  await wait(50);
  const closed = server.close();
  late.socket.write(whole(GOOD)); // its connection was there before
  await vi.waitFor(() => expect(late.got()).toMatch(/^HTTP\/1\.1 503 .*connection: close.*the server stops/is));
  await vi.waitFor(() => expect(inBody.got()).toMatch(/^HTTP\/1\.1 503 /));
  release();
  await closed;
  expect(running.got()).toMatch(/^HTTP\/1\.1 200 .*connection: close/is);
  expect([silent.got(), inHead.got()]).toEqual(['', '']);
  await expect(fetch(server.url)).rejects.toThrow();
});

test('closing cuts off what is not done in time', async () => {
  const server = await start({ timeout: 300 }, () => new Promise(() => {}));
  const running = raw(server, whole(GOOD));
  await vi.waitFor(() => expect(running.got()).toMatch(/^HTTP\/1\.1 503/));
  const dropped = raw(server, whole(GOOD));
  await wait(50);
  await server.close();
  expect(dropped.got()).toMatch(/^HTTP\/1\.1 503/);
});
