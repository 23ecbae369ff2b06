/** @file Uploads with the requests of @huggingface/hub itself, to a server on this machine that answers as the hub does. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HubLibrary, type HubUpload, type UploadOptions, uploadToHub } from '../src/hub/index.js';
import { openStandIn, repositoryOf, type StandIn } from './hub-stand-in.js';

let hub: StandIn;
let folder: string;
let files: HubUpload[];
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));

beforeEach(async () => {
  hub = await openStandIn();
  folder = await mkdtemp(join(tmpdir(), 'arena-upload-'));
  await writeFile(join(folder, 'model.safetensors'), weights);
  files = [
    textFile('README.md', '# A judge'),
    textFile('onnx/note.json', '{}'),
    {
      path: 'model.safetensors',
      size: weights.length,
      content: pathToFileURL(join(folder, 'model.safetensors')),
    },
  ];
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

function textFile(path: string, text: string): HubUpload {
  return { path, size: text.length, content: new Blob([text]) };
}

const upload = (id: string, more: Partial<UploadOptions> = {}) =>
  uploadToHub(id, files, { token: 'hf_writer', endpoint: hub.url, ...more });
const kept = (id: string, branch = 'main') => {
  const { commits, branches } = hub.repositories.get(`models/${id}`)!;
  return commits.get(branches.get(branch)!)!;
};

test('the package is what the contract says', async () => {
  const library: HubLibrary = await import('@huggingface/hub');
  expect(library.uploadFilesWithProgress).toBeTypeOf('function');
});

test('creates a private model and commits the files at once', async () => {
  const seen: string[] = [];
  const result = await upload('me/judge', {
    onProgress: ({ path, state }) => void (seen.at(-1) !== `${state} ${path}` && seen.push(`${state} ${path}`)),
  });
  expect(result).toMatchObject({ url: `${hub.url}/me/judge`, isNew: true, isPrivate: true });
  expect(hub.repositories.get('models/me/judge')!.private).toBe(true);
  expect(result.commit).toBe(hub.repositories.get('models/me/judge')!.branches.get('main'));
  expect([...kept('me/judge').keys()].sort()).toEqual([
    '.gitattributes',
    'README.md',
    'model.safetensors',
    'onnx/note.json',
  ]);
  expect(kept('me/judge').get('model.safetensors')!.equals(weights)).toBe(true);
  expect(seen).toContain('uploading model.safetensors');
  expect(hub.requests).toEqual([
    'GET /api/models/me/judge/revision/HEAD',
    'POST /api/repos/create',
    'POST /api/models/me/judge/preupload/main',
    'POST /me/judge.git/info/lfs/objects/batch',
    expect.stringMatching(/^PUT \/lfs\/[0-9a-f]{64}$/),
    'POST /api/models/me/judge/commit/main',
  ]);
});

test('a file of several parts', async () => {
  hub.partBytes = 100_000;
  await upload('me/judge');
  expect(kept('me/judge').get('model.safetensors')!.equals(weights)).toBe(true);
  expect(hub.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(3);
});

test('an upload that is cut off leaves nothing to see; the same again sends the rest alone', async () => {
  const more = Buffer.from(weights).reverse();
  files.push({ path: 'more.safetensors', size: more.length, content: new Blob([more]) });
  await upload('me/first'); // its files are there already
  hub.stored.delete([...hub.stored].find(([, content]) => content.equals(more))![0]);
  hub.cutAfter = 20_000;
  await expect(upload('me/judge')).rejects.toThrow(
    /^me\/judge: the upload was cut off \(.+\) and nothing of it is seen yet: run the same again/,
  );
  expect([...kept('me/judge').keys()]).toEqual(['.gitattributes']);
  hub.requests.length = 0;
  const { isNew, isPrivate } = await upload('me/judge');
  expect({ isNew, isPrivate }).toEqual({ isNew: false, isPrivate: true });
  expect(hub.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
  expect(kept('me/judge').get('more.safetensors')!.equals(more)).toBe(true);
});

test('a branch is made, and taken again', async () => {
  await upload('me/judge', { branch: 'v2' });
  expect(kept('me/judge').has('README.md')).toBe(false);
  expect(kept('me/judge', 'v2').has('README.md')).toBe(true);
  files = [textFile('README.md', '# Another')];
  await upload('me/judge', { branch: 'v2' });
  expect(kept('me/judge', 'v2').get('README.md')!.toString()).toBe('# Another');
  expect(kept('me/judge', 'v2').has('model.safetensors')).toBe(true);
});

test('public only where that is asked for', async () => {
  hub.repositories.set('models/me/open', repositoryOf({}));
  await expect(upload('me/open')).rejects.toThrow('me/open: is there already and is public');
  expect(hub.requests).toEqual(['GET /api/models/me/open/revision/HEAD']);
  expect(await upload('me/open', { isPublic: true })).toMatchObject({ isNew: false, isPrivate: false });
  expect(await upload('me/new', { isPublic: true })).toMatchObject({ isNew: true, isPrivate: false });
});

test.each<[string, string, Partial<UploadOptions>, RegExp]>([
  ['no token', 'me/judge', { token: undefined }, /^me\/judge: there is no access token to upload with: make one/],
  ['another kind of token', 'me/judge', { token: 'api_x' }, /the access token does not begin with hf_/],
  [
    'an expired token',
    'me/judge',
    { token: 'hf_expired' },
    /the hub answered 401: the access token is not valid, or not any more/,
  ],
  [
    'a token that may only read',
    'me/judge',
    { token: 'hf_reader' },
    /answered 403: the token \(of me; owners: me, me-lab\) may not write to me: it needs the role write/,
  ],
  [
    "somebody else's name, or none at all",
    'nobody/judge',
    {},
    /answered 403: the token \(of me; owners: me, me-lab\) may not write to nobody/,
  ],
  ['no id', 'judge', {}, /^"judge": is not a model id such as owner\/name/],
  ['an id that leaves', '../judge', {}, /is not a model id/],
  [
    'nobody there',
    'me/judge',
    { endpoint: 'http://127.0.0.1:1' },
    /^me\/judge: http:\/\/127\.0\.0\.1:1 cannot be reached \(bad port\): is this machine online\?$/,
  ],
])('%s', async (_, id, more, message) => {
  const error = await upload(id, more).catch((error: Error) => error);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).not.toMatch(/hf_(expired|reader|writer)|\n/);
});

test('a name that a data set has; a busy hub; a file that it refuses; a token in its words', async () => {
  hub.repositories.set('datasets/me/judge', repositoryOf({}));
  await expect(upload('me/judge')).rejects.toThrow('answered 409: the name is taken by what is no model of this token');
  hub.instead.set('POST /api/models/me/other/preupload', { status: 503, body: {} });
  await expect(upload('me/other')).rejects.toMatchObject({
    code: 'network',
    message: expect.stringContaining('busy or failing'),
  });
  const error = 'LFS storage limit reached for hf_writer';
  hub.instead.set('POST /me/third.git', { status: 400, body: { error } });
  await expect(upload('me/third')).rejects.toThrow('its own words: LFS storage limit reached for ***');
});

test('a file beyond the limit is refused before any request', async () => {
  files[0].size = 60e9;
  await expect(upload('me/judge')).rejects.toThrow('README.md: has 60.0 GB; the hub takes at most 50 GB a file');
  expect(hub.requests).toEqual([]);
});

test('a signal stops it', async () => {
  const stop = new AbortController();
  const running = upload('me/judge', { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
  await expect(running).rejects.toThrow('enough');
  expect([...kept('me/judge').keys()]).toEqual(['.gitattributes']);
});
