import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Dashboard, openDashboard } from '../src/dashboard/server.js';

let folder: string;
let page: Dashboard;

const line = (step: number, loss: number) => `${JSON.stringify({ step, loss })}\n`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arena-dashboard-'));
  await mkdir(join(folder, 'runs/first'), { recursive: true });
  await mkdir(join(folder, 'runs/no-log'));
  await writeFile(join(folder, 'log.jsonl'), line(9, 9)); // beside the folder that is served
  await writeFile(join(folder, 'runs/first/log.jsonl'), line(1, 0.7) + line(2, 0.6));
  page = await openDashboard(join(folder, 'runs'));
});
afterAll(async () => {
  page.close();
  await rm(folder, { recursive: true });
});

const get = (path: string) => fetch(new URL(path, page.url));

/** fetch() sets Host itself. */
function statusFor(host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    request(page.url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).end();
  });
}

test('lists the runs that have a log', async () => {
  const runs = await (await get('runs')).json();
  expect(runs).toEqual([{ name: 'first', step: 2, changed: expect.any(Number), settings: {} }]);
});

test('gives new lines alone, and never half of one', async () => {
  const first = await (await get('log?run=first')).json();
  expect(first.lines).toEqual([{ step: 1, loss: 0.7 }, { step: 2, loss: 0.6 }]); // biome-ignore format: two lines
  await appendFile(join(folder, 'runs/first/log.jsonl'), `${line(3, 0.5)}{"step":4,"lo`);
  const second = await (await get(`log?run=first&from=${first.next}`)).json();
  expect(second.lines).toEqual([{ step: 3, loss: 0.5 }]);
  await appendFile(join(folder, 'runs/first/log.jsonl'), 'ss":0.4}\n');
  const third = await (await get(`log?run=first&from=${second.next}`)).json();
  expect(third.lines).toEqual([{ step: 4, loss: 0.4 }]);
});

test('starts again when the log was written anew', async () => {
  await writeFile(join(folder, 'runs/first/log.jsonl'), line(1, 0.9));
  const log = await (await get('log?run=first&from=1000')).json();
  expect(log).toEqual({ lines: [{ step: 1, loss: 0.9 }], next: line(1, 0.9).length });
});

test.each([
  'log?run=..',
  'log?run=no-log',
  'log?run=first/..',
  'log?run=%2e%2e%2f',
  'log',
  'etc/passwd',
  '../log.jsonl',
])('has nothing at %s', async (path) => {
  expect((await get(path)).status).toBe(404);
});

test('answers to its own name alone', async () => {
  expect(await statusFor('evil.example')).toBe(403);
  expect(await statusFor('localhost:1')).toBe(200);
  expect((await fetch(page.url, { method: 'POST' })).status).toBe(405);
});

test('says when the port is taken', async () => {
  const port = Number(new URL(page.url).port);
  await expect(openDashboard(folder, port)).rejects.toThrow(`port ${port}: is taken`);
});
