/** @file One bad input for each code of a FileError. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bytesFolder,
  bytesSource,
  diskStore,
  downloadCheckpoint,
  FileError,
  openFile,
  readFileAt,
  urlSource,
} from '@arena/files';
import { hubModel } from '@arena/files/hub';
import { expect, onTestFinished, test } from 'vitest';

const answering = (status: number) => ({ fetch: async () => new Response(null, { status }) });
const ranged = (bytes: string, etag: string) =>
  new Response(bytes, { status: 206, headers: { 'content-range': `bytes 0-${bytes.length - 1}/4`, etag } });

test.each<[FileError['code'], () => Promise<unknown>]>([
  ['not_found', () => openFile('no-such-file')],
  ['not_found', () => urlSource('http://localhost/x', answering(404))],
  ['refused', () => urlSource('http://localhost/x', answering(403))],
  ['refused', () => urlSource('http://localhost/x', { fetch: async () => new Response('all of it') })],
  ['network', () => urlSource('http://localhost/x', answering(503))],
  ['network', () => urlSource('http://localhost/x', { fetch: () => Promise.reject(new TypeError('fetch failed')) })],
  [
    'changed',
    async () => {
      let version = 0;
      const source = await urlSource('http://localhost/x', { fetch: async () => ranged('abcd', `"${version++}"`) });
      await source.read(0, 4);
    },
  ],
  [
    'damaged',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'arena-files-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const file = { name: 'x', url: 'http://localhost/x', size: 4, sha256: '0'.repeat(64) };
      await downloadCheckpoint([file], await diskStore(folder), { fetch: async () => new Response('abcd') });
    },
  ],
  ['too_large', () => readFileAt(bytesFolder({ x: 'abcd' }), 'x', { maxBytes: 3 })],
  [
    'storage',
    async () => {
      const part = { size: 0, append: () => Promise.reject(new Error('the disk is full')), close: async () => {} };
      const store = { open: async () => null, part: async () => part, remove: async () => {} };
      const file = { name: 'x', url: 'http://localhost/x', size: 4, sha256: '0'.repeat(64) };
      await downloadCheckpoint([file], store as never, { fetch: async () => new Response('abcd') });
    },
  ],
  ['argument', () => bytesSource(new Uint8Array(3)).read(0, 4)],
  ['argument', () => hubModel('no id')],
])('%s', async (code, run) => {
  const error = await run().catch((one) => one);
  expect(error).toBeInstanceOf(FileError);
  expect(error).toMatchObject({ name: 'FileError', code });
});
