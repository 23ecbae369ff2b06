/** @file The prediction server: answers, limits, refusals, and many clients at once; then the command with a real model. */
import { readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Battle } from '@arena/data';
import { meanOfOrders } from '@arena/judge/run';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { type PredictionServer, type ServerOptions, startPredictionServer } from '../src/serve/server.js';
import { arena, BATTLES, QUICK, workspace } from './workspace.js';

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
/** A scorer that can be recognised: the length of A over 1,000. */
const byLength = async (battles: Battle[]) =>
  battles.map(({ responseA }) => ({ probabilityA: responseA[0].length / 1000 }));
const open: PredictionServer[] = [];
const start = async (score = byLength, options: Partial<ServerOptions> = {}) => {
  const server = await startPredictionServer(score, { ...OPTIONS, ...options });
  open.push(server);
  return server.url;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close(true)));
});

const battle = (size: number) => ({ prompt: 'p', response_a: 'a'.repeat(size), response_b: 'b' });
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
/** A request with a header that fetch does not let through. */
const statusWithHost = (url: string, host: string) =>
  new Promise<number>((resolve, reject) => {
    request(`${url}/health`, { headers: { host } }, (response) => resolve(response.resume().statusCode!))
      .on('error', reject)
      .end();
  });

test('one battle, a list, several turns, health', async () => {
  const url = await start();
  expect(await (await post(url, battle(7))).json()).toEqual({ probabilityA: 0.007 });
  const list = {
    battles: [battle(1), battle(2), { prompt: ['p', 'q'], response_a: ['aaa', 'x'], response_b: ['b', 'y'] }],
  };
  expect(await (await post(url, list)).json()).toEqual({
    predictions: [{ probabilityA: 0.001 }, { probabilityA: 0.002 }, { probabilityA: 0.003 }],
  });
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok', waiting: 0 });
});

test('200 clients at once: nothing lost, nothing mixed up', async () => {
  let most = 0;
  const url = await start(async (battles) => {
    most = Math.max(most, battles.length);
    await new Promise((resolve) => setTimeout(resolve, 2));
    return byLength(battles);
  });
  const sizes = Array.from({ length: 200 }, (_, i) => i + 1);
  const got = await Promise.all(sizes.map(async (size) => (await (await post(url, battle(size))).json()).probabilityA));
  expect(got).toEqual(sizes.map((size) => size / 1000));
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(16);
});

describe('refusals', () => {
  test.each([
    ['not JSON', '{', 400, /not JSON/],
    ['a list', [], 400, /a JSON object is expected, a list was sent/],
    ['nothing in it', {}, 400, /prompt must be a text/],
    ['a number', { ...battle(1), response_a: 3 }, 400, /response_a must be a text.* a number was sent/],
    ['turns that differ', { ...battle(1), prompt: ['p', 'q'] }, 400, /as many turns/],
    ['no battles', { battles: [] }, 400, /at least one battle/],
    ['one bad of two', { battles: [battle(1), { prompt: 'p' }] }, 400, /battles\[1\]: response_a/],
    ['too many battles', { battles: Array.from({ length: 9 }, () => battle(1)) }, 413, /at most 8/],
    ['a large body', battle(20_000), 413, /larger than 10000 bytes/],
  ] as const)('%s', async (_, body, status, message) => {
    const response = await post(await start(), body);
    expect(response.status).toBe(status);
    expect((await response.json()).error).toMatch(message);
  });

  test('other paths, methods and types; no header lets another site in', async () => {
    const url = await start();
    expect((await fetch(`${url}/`)).status).toBe(404);
    const get = await fetch(`${url}/predict`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await post(url, battle(1), { 'content-type': 'text/plain' })).status).toBe(415);
    const asked = await fetch(`${url}/predict`, { method: 'OPTIONS', headers: { origin: 'https://example.org' } });
    expect(asked.status).toBe(405);
    expect([...asked.headers.keys()].join()).not.toContain('access-control');
    expect(await statusWithHost(url, 'evil.example')).toBe(403);
    expect(await statusWithHost(url, 'localhost:1')).toBe(200);
  });

  test('bytes that are no HTTP get 400 and do no harm', async () => {
    const url = await start();
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('\x00\x01nonsense\r\n\r\n'));
      let got = '';
      socket
        .on('data', (chunk) => (got += chunk))
        .on('end', () => resolve(got))
        .on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('a token: needed beyond this machine, and then asked for', async () => {
    await expect(start(byLength, { host: '0.0.0.0' })).rejects.toThrow(/can be reached from other machines: a token/);
    const url = await start(byLength, { token: 'secret' });
    expect((await post(url, battle(1))).status).toBe(401);
    expect((await post(url, battle(1), { authorization: 'Bearer secreT' })).status).toBe(401);
    expect((await post(url, battle(1), { authorization: 'Bearer secret' })).status).toBe(200);
  });

  test('a full queue gives 429, a late answer 503, a failing model 500; the server goes on', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const url = await start(async (battles) => held.then(() => byLength(battles)), { queue: 2, together: 1 });
    const first = [1, 2, 3].map((size) => post(url, battle(size)));
    await vi.waitFor(async () => expect((await (await fetch(`${url}/health`)).json()).waiting).toBe(2));
    const full = await post(url, battle(4));
    expect([full.status, full.headers.get('retry-after')]).toEqual([429, '1']);
    release();
    for (const response of await Promise.all(first)) expect(response.status).toBe(200);

    const slow = await start(() => new Promise((resolve) => setTimeout(() => resolve([{ probabilityA: 0.5 }]), 300)), {
      timeout: 50,
    });
    expect((await post(slow, battle(1))).status).toBe(503);
    const broken = await start(async () => Promise.reject(new Error('no')));
    expect((await post(broken, battle(1))).status).toBe(500);
    expect((await fetch(`${broken}/health`)).status).toBe(200);
  });
});

test('closing finishes what is under way', async () => {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const server = await startPredictionServer(async (battles) => {
    begin();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return byLength(battles);
  }, OPTIONS);
  const asked = post(server.url, battle(5));
  await begun;
  await server.close();
  expect((await asked).status).toBe(200);
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
});

test('a taken port is one clear line', async () => {
  const url = await start();
  await expect(start(byLength, { port: Number(new URL(url).port) })).rejects.toThrow(
    /EADDRINUSE.*choose another --port/,
  );
});

describe('arena serve', async () => {
  const w = await workspace();
  afterAll(() => rm(w.folder, { recursive: true, force: true }));

  test('gives what arena predict gives, and stops on SIGINT', async () => {
    await arena('train', '--base', w.base, '--data', w.data, '--out', w.at('run'), ...QUICK);
    const adapter = ['--base', w.base, '--adapter', w.at('run/adapter')];
    const asked = ['--prompt', 'Why?', '--a', 'one', '--b', 'two', '--both-orders'];
    const { probabilityA } = JSON.parse((await arena('predict', ...adapter, ...asked)).out);
    const clients = Array.from({ length: 200 }, (_, i) => BATTLES[i % BATTLES.length]!).map((one, i) => ({
      ...one,
      id: `client ${i}`,
      prompt: [`${i}. ${one.prompt[0]}`],
    }));
    const file = await w.votes('clients.jsonl', clients);
    const out = w.at('clients-predicted.jsonl');
    expect((await arena('predict', ...adapter, '--data', file, '--out', out, '--both-orders')).code).toBe(0);
    const alone = (await readFile(out, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(meanOfOrders);
    const log = vi.spyOn(console, 'log');
    const served = arena('serve', '--model', w.at('run'), '--port', '0', '--both-orders');
    const url = await vi.waitFor(
      () => {
        const line = vi.mocked(console.log).mock.calls.flat().join('\n');
        return /is served at (\S+):/.exec(line)![1];
      },
      { timeout: 20_000 },
    );
    const response = await post(url, { prompt: 'Why?', response_a: 'one', response_b: 'two' });
    expect((await response.json()).probabilityA).toBeCloseTo(probabilityA, 6);

    // 200 clients at once: each gets the number that `arena predict` gave its battle. Numbers of two battles differ by more than 1e-6.
    const answered = await Promise.all(
      clients.map(async ({ prompt, responseA, responseB }) => {
        const answer = await post(url, { prompt, response_a: responseA, response_b: responseB });
        return (await answer.json()).probabilityA as number;
      }),
    );
    expect(answered).toHaveLength(200);
    for (const [i, probability] of answered.entries()) expect(probability).toBeCloseTo(alone[i]!, 6);
    expect(new Set(answered.map((p) => p.toFixed(6))).size).toBeGreaterThan(150);
    process.emit('SIGINT');
    const run = await served;
    log.mockRestore();
    expect(run.out).toContain('stopped');
    expect(run.code).toBe(0);
  });

  test('another host without a token, and no model there', async () => {
    const run = await arena('serve', '--model', w.folder, '--host', '0.0.0.0');
    expect(run.err).toMatch(/set the environment variable ARENA_TOKEN/);
    expect((await arena('serve', '--model', w.at('none'))).err).toMatch(/arena\.json: cannot be read/);
  });
});
