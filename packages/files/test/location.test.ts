import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesFolder, filesFolder, opfsFolder, readFileAt } from '@arena/files';
import { placeName } from '@arena/files/source';
import { expect, onTestFinished, test } from 'vitest';
import { serveFiles } from './file-server.js';
import { memoryFolder } from './memory-folder.js';

/** A file as a page gets it from a folder that was dropped. */
function dropped(path: string, content: Uint8Array | string): File {
  const file = new File([content as Uint8Array<ArrayBuffer>], path.split('/').at(-1)!);
  return Object.defineProperty(file, 'webkitRelativePath', { value: path });
}

test('one file from a folder, the web, memory, a dropped folder and OPFS', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'location-'));
  const bytes = Uint8Array.of(1, 2, 3);
  const server = await serveFiles(new Map([['/m/x', bytes]]));
  onTestFinished(async () => {
    await rm(directory, { recursive: true });
    await server.close();
  });
  await writeFile(join(directory, 'x'), bytes);
  const opfs = memoryFolder(false);
  opfs.files.set('x', { bytes });
  const files = filesFolder([dropped('m/sub/x', 'another'), dropped('m/x', bytes)]);
  for (const location of [directory, `${server.url}/m/`, bytesFolder({ x: bytes }), files, opfsFolder(opfs.handle)]) {
    expect([...(await readFileAt(location, 'x'))!]).toEqual([1, 2, 3]);
    expect(await readFileAt(location, 'config.json')).toBeNull();
  }
  expect([placeName('/a/b//'), placeName('/'), placeName(files)]).toEqual(['/a/b', '/', 'checkpoint']);
});

test('refuses two dropped files of one name and files that are too large', async () => {
  expect(() => filesFolder([dropped('m/a/x', ''), dropped('m/b/x', '')])).toThrow('given twice (m/a/x and m/b/x)');
  const folder = bytesFolder({ 'config.json': '12345' });
  await expect(readFileAt(folder, 'config.json', { maxBytes: 4 })).rejects.toThrow('has 5 bytes');
  expect(await readFileAt(folder, 'constructor')).toBeNull();
});
