import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesFolder, filesFolder, openCheckpoint, readFileAt, serialize, writeSafetensors } from '@arena/safetensors';
import { expect, onTestFinished, test } from 'vitest';
import { serveFiles } from './file-server.js';

const tensor = { name: 'a', dtype: 'U8' as const, shape: [3], data: Uint8Array.of(1, 2, 3) };

/** A file as a page gets it from a folder that was dropped. */
function dropped(path: string, content: Uint8Array | string): File {
  const file = new File([content as Uint8Array<ArrayBuffer>], path.split('/').at(-1)!);
  return Object.defineProperty(file, 'webkitRelativePath', { value: path });
}

test('one checkpoint from a folder, the web, memory and a dropped folder', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'location-'));
  const bytes = serialize([tensor]);
  const server = await serveFiles(new Map([['/m/model.safetensors', bytes]]));
  onTestFinished(async () => {
    await rm(directory, { recursive: true });
    await server.close();
  });
  await writeSafetensors(join(directory, 'model.safetensors'), [tensor]);
  const files = filesFolder([dropped('m/sub/model.safetensors', 'another'), dropped('m/model.safetensors', bytes)]);
  for (const location of [directory, `${server.url}/m/`, bytesFolder({ 'model.safetensors': bytes }), files]) {
    const checkpoint = await openCheckpoint(location);
    expect([...(await checkpoint.read('a')).data]).toEqual([1, 2, 3]);
    await checkpoint.close();
    expect(await readFileAt(location, 'config.json')).toBeNull();
  }
});

test('refuses two dropped files of one name and files that are too large', async () => {
  expect(() => filesFolder([dropped('m/a/x', ''), dropped('m/b/x', '')])).toThrow('given twice (m/a/x and m/b/x)');
  const folder = bytesFolder({ 'config.json': '12345' });
  await expect(readFileAt(folder, 'config.json', { maxBytes: 4 })).rejects.toThrow('has 5 bytes');
  expect(await readFileAt(folder, 'constructor')).toBeNull();
});
