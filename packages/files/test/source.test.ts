import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSource, blobSource, bytesSource, FileError, openFile, urlSource } from '@arena/files';
import { partsOf } from '@arena/files/source';
import { expect, onTestFinished, test } from 'vitest';
import { serveFiles } from './file-server.js';

const content = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 31) % 251);

async function textOf(source: ByteSource): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of partsOf(source)) parts.push(part);
  return Buffer.concat(parts);
}

test('the same bytes from memory, a Blob, a disk and an address: by ranges and as a stream', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'source-'));
  const server = await serveFiles(new Map([['/x', content]]));
  onTestFinished(async () => {
    await rm(folder, { recursive: true });
    await server.close();
  });
  await writeFile(join(folder, 'x'), content);
  const held = await serveFiles(new Map([['/x', content]]));
  held.whole = true; // a server without ranges
  for (const open of [
    () => bytesSource(content),
    () => blobSource(new Blob([content])),
    () => openFile(join(folder, 'x')),
    () => urlSource(`${server.url}/x`),
    () => urlSource(`${held.url}/x`, { withoutRanges: 'hold' }),
  ]) {
    const source = await open();
    expect(source.size).toBe(content.length);
    expect(Buffer.compare(await source.read(1000, 2000), content.subarray(1000, 2000))).toBe(0);
    expect((await source.read(7, 7)).length).toBe(0);
    expect(Buffer.compare(await textOf(source), content)).toBe(0);
    for (const [begin, end] of [
      [-1, 3],
      [3, 2],
      [0, content.length + 1],
      [0.5, 3],
    ]) {
      await expect(source.read(begin, end)).rejects.toThrow(FileError);
    }
    await source.close?.();
  }
  await held.close();
});

test('an address that breaks off in a stream is an error', async () => {
  const request: typeof fetch = async (_, init) =>
    new Headers(init?.headers).has('range')
      ? new Response('a', { status: 206, headers: { 'content-range': 'bytes 0-0/9' } })
      : new Response('abc');
  const source = await urlSource('http://localhost/x', { fetch: request });
  await expect(textOf(source)).rejects.toThrow('9 bytes were asked for, 3 came');
});

test('files and servers that do not give what was asked', async () => {
  await expect(openFile('/nowhere/x')).rejects.toThrow(/\/nowhere\/x: cannot be opened/);
  await expect(openFile('/')).rejects.toThrow(/is not a file/);
  const answer = (status: number, headers: Record<string, string> = {}) =>
    urlSource('http://localhost/x', { fetch: async () => new Response('abc', { status, headers }) });
  await expect(answer(200)).rejects.toThrow(/ignores range requests/);
  await expect(answer(403)).rejects.toThrow(/answered 403/);
  await expect(answer(206)).rejects.toThrow(FileError);
  await expect(urlSource('http://localhost/x', { fetch: () => Promise.reject(new Error('down')) })).rejects.toThrow(
    /down/,
  );
  let etag = 0;
  const changing = await urlSource('http://localhost/x', {
    fetch: async () =>
      new Response('a', { status: 206, headers: { 'content-range': 'bytes 0-0/9', etag: `${etag++}` } }),
  });
  await expect(changing.read(0, 1)).rejects.toThrow(/changed on the server/);
  await expect(changing.read(0, 10)).rejects.toThrow(/bytes 0 to 10 were asked for, but it has 9/);
});
