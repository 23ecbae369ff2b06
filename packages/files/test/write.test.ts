import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesFolder, diskStore, opfsStore, readFileAt, writeFolder } from '@arena/files';
import { bytesTarget, type FileTarget, replaceFile, replaceFolder, storing } from '@arena/files/write';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { memoryFolder } from './memory-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'write-'));
});
afterEach(() => rm(root, { recursive: true }));

const lost = async () => {
  throw new Error('lost');
};

test('a file is replaced whole, or stays as it was', async () => {
  const path = join(root, 'x');
  await replaceFile(path, 'old');
  await expect(
    replaceFile(path, async (write) => {
      await write(Uint8Array.of(1));
      await lost();
    }),
  ).rejects.toThrow('lost');
  expect(await readFile(path, 'utf8')).toBe('old');
  await replaceFile(path, async (write) => {
    for (const part of ['n', 'e', 'w']) await write(new TextEncoder().encode(part));
  });
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(root)).toEqual(['x']);
});

test('a folder is replaced whole, or stays as it was', async () => {
  const path = join(root, 'deep', 'f');
  await writeFolder(path, { a: '1', b: Uint8Array.of(50) });
  await expect(
    replaceFolder(path, async (temporary) => {
      await writeFile(join(temporary, 'c'), '3');
      await lost();
    }),
  ).rejects.toThrow('lost');
  expect((await readdir(path)).sort()).toEqual(['a', 'b']);
  await writeFolder(path, { d: '4' });
  expect(await readdir(path)).toEqual(['d']);
  expect(await readdir(join(root, 'deep'))).toEqual(['f']);
});

test('a folder that is to be new does not take the place of one that holds files', async () => {
  const path = join(root, 'f');
  const fill = (temporary: string) => writeFile(join(temporary, 'b'), '2');
  await replaceFolder(
    path,
    async (temporary) => {
      await fill(temporary);
      await mkdir(path); // another writer was faster
      await writeFile(join(path, 'a'), '1');
    },
    { isNew: true },
  ).then(
    () => expect.unreachable(),
    (error: NodeJS.ErrnoException) => expect(error.code).toMatch(/^(ENOTEMPTY|EEXIST|EPERM)$/),
  );
  expect(await readdir(path)).toEqual(['a']);
  expect(await readdir(root)).toEqual(['f']);
  await replaceFolder(join(root, 'g'), fill, { isNew: true });
  expect(await readdir(join(root, 'g'))).toEqual(['b']);
});

const targets: Record<string, () => FileTarget & { read(name: string): Promise<Uint8Array | null> }> = {
  disk: () => {
    const store = diskStore(join(root, 'store'));
    return { ...store, read: (name) => readFileAt(store.open, name) };
  },
  'OPFS on a page': () => opfs(false),
  'OPFS in a Worker': () => opfs(true),
  memory: () => {
    const target = bytesTarget();
    return { ...target, read: (name) => readFileAt(bytesFolder(target.files), name) };
  },
};

function opfs(worker: boolean) {
  const store = opfsStore(memoryFolder(worker).handle);
  return { ...store, read: (name: string) => readFileAt(store.open, name) };
}

describe.each(Object.entries(targets))('%s', (_, make) => {
  test('files are written whole or not at all, listed and removed', async () => {
    const target = make();
    const text = async (name: string) => new TextDecoder().decode((await target.read(name)) ?? undefined);
    expect(await target.names()).toEqual([]);
    await target.write('x', 'old content');
    await expect(
      target.write('x', async (write) => {
        await write(Uint8Array.of(1));
        await lost();
      }),
    ).rejects.toThrow('lost');
    expect(await text('x')).toBe('old content');
    expect(await target.names()).toEqual(['x']);
    await target.write('x', async (write) => {
      const part = Uint8Array.of(110);
      await write(part);
      part[0] = 101; // what was written is no view of it
      await write(part);
    });
    await target.write('y', Uint8Array.of(121));
    expect([await text('x'), await text('y')]).toEqual(['ne', 'y']);
    await target.remove('x');
    await target.remove('x');
    expect(await target.names()).toEqual(['y']);
    await expect(target.write('../z', '')).rejects.toThrow('plain name');
  });
});

test('temporary folders of processes that have ended are removed, others stay', async () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const host = hostname().replace(/\W/g, '_').slice(0, 40);
  const name = (kind: string, who: string, pid: number, path = 'out') => `${path}.${kind}-${who}-${pid}-0123456789ab`;
  const left = [
    name('tmp', host, gone),
    name('old', host, gone),
    'out.tmp-01234567-89ab-4def-8123-456789abcdef',
    name('tmp', 'other', 7),
  ];
  const stay = [
    name('tmp', host, process.ppid),
    name('tmp', 'other', 8),
    name('old', host, gone, 'only'),
    'out.tmp-backup',
  ];
  const folder = await mkdtemp(join(tmpdir(), 'arena-leftovers-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const one of [...left, ...stay]) await mkdir(join(folder, one));
  await writeFile(join(folder, left[2], 'x'), 'x');
  const long = new Date(Date.now() - 25 * 3600 * 1000);
  for (const path of [`${left[2]}/x`, left[2], left[3], 'out.tmp-backup']) await utimes(join(folder, path), long, long);
  await writeFolder(join(folder, 'out'), { x: '1' });
  await writeFolder(join(folder, 'out'), { x: '2' }); // only then the old one has a new one beside it
  await writeFolder(join(folder, 'only'), { x: '1' });
  expect((await readdir(folder)).sort()).toEqual(['only', 'out', ...stay].sort());
});

test.skipIf(!existsSync('/dev/full'))('a full disk is said with the name of the file', async () => {
  const file = await open('/dev/full', 'w');
  onTestFinished(() => file.close());
  await expect(storing('run/adapter.bin', file.writeFile('x'))).rejects.toMatchObject({
    name: 'FileError',
    code: 'storage',
    message: 'run/adapter.bin: cannot be written (ENOSPC): no space is left; make room, then try again',
  });
});

describe('a browser that cannot', () => {
  /** A folder of a Worker or a page, whose file handles are changed. */
  function changed(worker: boolean, change: (handle: Record<string, unknown>) => void) {
    const { handle } = memoryFolder(worker);
    const open = handle.getFileHandle.bind(handle);
    handle.getFileHandle = async (...of) => {
      const file = await open(...of);
      change(file as unknown as Record<string, unknown>);
      return file;
    };
    return opfsStore(handle);
  }
  const written = (wrote: (asked: number) => number) =>
    changed(true, (file) => {
      file.createSyncAccessHandle = async () => ({
        write: (bytes: Uint8Array) => wrote(bytes.length),
        truncate() {},
        flush() {},
        close() {},
      });
    });

  test.each([
    ['writes 0 bytes', () => 0],
    ['stops in the middle', (asked: number) => (asked > 2 ? 1 : 0)],
    ['gives an error as a number', () => 2 ** 32 - 1],
  ])('%s: no space is left, by the name of the file', { timeout: 5000 }, async (_, wrote) => {
    await expect(written(wrote).write('x', 'abcd')).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringMatching(/^x: cannot be stored: no space is left for this site; /),
      cause: { name: 'QuotaExceededError' },
    });
  });

  test('has no createWritable on a page, or no move', async () => {
    const page = changed(false, (file) => delete file.createWritable);
    await expect(page.write('x', 'a')).rejects.toThrow(
      /^x: this browser cannot write files on a page \(createWritable .*Worker/,
    );
    const old = changed(false, (file) => delete file.move);
    await expect(old.write('x', 'a')).rejects.toThrow(/^x: this browser cannot give .*move is missing/);
  });
});
