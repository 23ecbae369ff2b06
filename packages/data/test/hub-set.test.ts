/** @file Data sets on a hub on this machine: which files are a split, and reading them. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskHubCache } from '@arena/files/hub';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStandIn, repositoryOf, type StandIn } from '../../files/test/hub-stand-in.js';
import { readBattles, syntheticBattles } from '../src/index.js';
import { cardConfigs } from '../src/read/card-configs.js';
import { chooseFiles } from '../src/read/hub-names.js';
import { battleToRecord, type HubSetOptions, hubSetName, openHubSet } from '../src/read/index.js';

const name = (text: string) => hubSetName(text)!;

describe('names', () => {
  test.each([
    ['owner/set', { id: 'owner/set' }],
    ['owner/set:train', { id: 'owner/set', split: 'train' }],
    ['owner/set/human:test@v1.0', { id: 'owner/set', config: 'human', split: 'test', revision: 'v1.0' }],
    ['owner/set@refs/convert/parquet', { id: 'owner/set', revision: 'refs/convert/parquet' }],
    ['owner/set-1.5', { id: 'owner/set-1.5' }],
  ])('%s', (text, want) => expect(JSON.parse(JSON.stringify(hubSetName(text)))).toEqual(want));

  test.each([
    'votes',
    './owner/set',
    '/owner/set',
    'data/votes.jsonl',
    'data/votes.csv.gz',
    'C:\\a\\b',
    'https://host/a',
    'a//b',
  ])('%s is none', (text) => expect(hubSetName(text)).toBeUndefined());
});

// What `datasets` does: https://huggingface.co/docs/hub/datasets-file-names-and-splits and datasets-manual-configuration
describe('files of a split', () => {
  test.each<[string, string[], string, string[], string[]]>([
    ['one file', ['README.md', 'data.csv'], 'a/b', ['data.csv'], []],
    [
      'by file name',
      ['my_train_file.csv', 'test1.csv', 'validation.csv'],
      'a/b',
      ['my_train_file.csv'],
      ['validation', 'test'],
    ],
    ['a word within a word is none', ['testfile.csv'], 'a/b', ['testfile.csv'], []],
    ['dev is validation', ['train.csv', 'x-dev.csv'], 'a/b:validation', ['x-dev.csv'], ['train']],
    ['eval is test', ['train.csv', 'eval.csv'], 'a/b:test', ['eval.csv'], ['train']],
    [
      'by folder',
      ['data/train/1.jsonl', 'data/train/2.jsonl', 'data/test/1.jsonl'],
      'a/b',
      ['data/train/1.jsonl', 'data/train/2.jsonl'],
      ['test'],
    ],
    [
      'by shards',
      [
        'data/human-00000-of-00002.parquet',
        'data/human-00001-of-00002.parquet',
        'data/gpt4_pair-00000-of-00001.parquet',
      ],
      'a/b:human',
      ['data/human-00000-of-00002.parquet', 'data/human-00001-of-00002.parquet'],
      ['gpt4_pair'],
    ],
    ['two formats', ['train.parquet', 'train.jsonl'], 'a/b', ['train.parquet'], []],
    ['hidden files', ['.train.csv', '_x/train.csv', 'votes.csv'], 'a/b', ['votes.csv'], []],
  ])('%s', (_, names, asked, files, others) => {
    const chosen = chooseFiles(names, undefined, name(asked));
    expect({ files: chosen.files, others: chosen.others.sort() }).toEqual({ files, others: [...others].sort() });
  });

  const names = ['en/a.csv', 'en/b.csv', 'fr/a.csv', 'holdout.csv', 'README.md'];
  const two = [
    {
      config_name: 'en',
      data_files: [
        { split: 'train', path: ['en/a.csv'] },
        { split: 'test', path: 'en/b*.csv' },
      ],
    },
    { config_name: 'fr', data_files: 'fr/**' },
  ];
  test('by the card', () => {
    expect(chooseFiles(names, two, name('a/b/en'))).toMatchObject({
      config: 'en',
      split: 'train',
      files: ['en/a.csv'],
    });
    expect(chooseFiles(names, two, name('a/b/en:test'))).toMatchObject({ files: ['en/b.csv'], others: ['train'] });
    expect(chooseFiles(names, two, name('a/b/fr'))).toMatchObject({ split: 'train', files: ['fr/a.csv'] });
    expect(chooseFiles(names, [two[0], { ...two[1], default: true }], name('a/b'))).toMatchObject({ config: 'fr' });
    expect(chooseFiles(names, [{ config_name: 'default', data_dir: 'en' }], name('a/b'))).toMatchObject({
      files: ['en/a.csv', 'en/b.csv'],
    });
    expect(chooseFiles(names, [{ config_name: 'x', data_files: '{en,fr}/[a]?csv' }], name('a/b')).files).toEqual([
      'en/a.csv',
      'fr/a.csv',
    ]);
  });

  test.each<[string, string[], unknown, string, string]>([
    ['two configurations', names, two, 'a/b', 'a/b: has the configurations en, fr: name one, as a/b/en'],
    ['two configurations, with a split', names, two, 'a/b:test', 'name one, as a/b/en:test'],
    ['no such configuration', names, two, 'a/b/de', "has no configuration 'de'; it has en, fr"],
    ['no configuration at all', names, undefined, 'a/b/de', "has no configuration 'de'; its card names none"],
    ['no such split', ['train.csv', 'test.csv'], undefined, 'a/b:dev', "has no split 'dev'; it has test, train"],
    [
      'neither train nor one split',
      ['data/x-00000-of-00001.csv', 'data/y-00000-of-00001.csv'],
      undefined,
      'a/b',
      'has the splits x, y: name one, as a/b:x',
    ],
    [
      'images',
      ['img/1.png', 'img/2.png', 'README.md'],
      undefined,
      'a/b',
      'holds no votes as .parquet, .jsonl, .csv, .tsv or .json; its 3 files end in .png, .md',
    ],
    [
      'a card of files that are gone',
      names,
      [{ config_name: 'x', data_files: 'old/*' }],
      'a/b',
      'its configuration x names files that are not there',
    ],
    ['a damaged card', ['README.md'], 'text', 'a/b', 'holds no votes'],
  ])('%s', (_, files, card, asked, message) => {
    expect(() => chooseFiles(files, card, name(asked))).toThrow(message);
  });
});

test('the configurations of a README.md', () => {
  const readme = (yaml: string) => `---\nlicense: mit\n${yaml}tags:\n- votes\n---\n# A set\nconfigs:\n- no\n`;
  const want = [
    {
      config_name: 'default',
      data_files: [
        { split: 'train', path: 'data/train-*' },
        { split: 'test', path: ['a.csv', 'b.csv'] },
      ],
    },
    { config_name: 'other', default: true, data_files: 'x y.csv' },
  ];
  const flat =
    'configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n  - split: test\n    path:\n    - a.csv\n    - "b.csv"\n- config_name: other # one\n  default: true\n  data_files: "x y.csv"\n';
  const deep =
    'configs:\n  - config_name: default\n    data_files:\n      - split: train\n        path: data/train-*\n      - split: test\n        path:\n          - a.csv\n          - b.csv\n  - config_name: other\n    default: true\n    data_files: x y.csv\n';
  expect(cardConfigs(readme(flat))).toEqual(want);
  expect(cardConfigs(readme(deep).replaceAll('\n', '\r\n'))).toEqual(want);
  expect(cardConfigs(readme(''))).toBeUndefined();
  expect(cardConfigs(readme('configs:\n- {config_name: x}\n'))).toBeUndefined();
  expect(cardConfigs('no card')).toBeUndefined();
});

describe('read from the hub', () => {
  let hub: StandIn;
  let folder: string;
  const votes = syntheticBattles({ count: 30, seed: 2 });
  const lines = (battles: typeof votes) => battles.map((one) => `${JSON.stringify(battleToRecord(one))}\n`).join('');
  const options = (more: Partial<HubSetOptions> = {}) => ({ endpoint: hub.url, cache: diskHubCache(folder), ...more });
  const ids = async (files: Parameters<typeof readBattles>[0]) => {
    const found: string[] = [];
    for await (const { id } of readBattles(files)) found.push(id);
    return found;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arena-set-'));
    const parquet = await readFile(join(import.meta.dirname, 'fixtures/arena100k.parquet'));
    hub = await openStandIn({
      'datasets/owner/votes': repositoryOf(
        {
          'README.md':
            '---\nconfigs:\n- config_name: default\n  data_files:\n  - split: human\n    path: a b.jsonl\n  - split: rest\n    path: rest.jsonl\n---\n',
          'a b.jsonl': lines(votes.slice(0, 20)),
          'rest.jsonl': lines(votes.slice(20)),
        },
        {
          configs: [
            {
              config_name: 'default',
              data_files: [
                { split: 'human', path: 'a b.jsonl' },
                { split: 'rest', path: 'rest.jsonl' },
              ],
            },
          ],
        },
      ),
      'datasets/owner/parquet': repositoryOf({ 'data/train-00000-of-00001.parquet': parquet }),
      'datasets/owner/gated': repositoryOf({ 'train.jsonl': lines(votes) }, { gated: true }),
      'datasets/me/private': repositoryOf({ 'train.jsonl': lines(votes) }, { private: true }),
    });
  });
  afterEach(async () => {
    await hub.close();
    await rm(folder, { recursive: true });
  });

  test('lines of JSON come once, into the layout of huggingface_hub, and are there offline', async () => {
    const set = await openHubSet('owner/votes:human', options());
    expect(set.note).toMatch(
      /^owner\/votes at [0-9a-f]{7}: configuration default, split human, a b\.jsonl, 0\.0 MB; other splits: rest$/,
    );
    expect(set.name).toBe(`owner/votes:human@${set.commit}`);
    expect(await ids(set.files)).toEqual(votes.slice(0, 20).map(({ id }) => id));
    expect(await readdir(join(folder, 'datasets--owner--votes', 'snapshots', set.commit))).toEqual([
      'README.md',
      'a b.jsonl',
    ]);
    expect(await readFile(join(folder, 'datasets--owner--votes', 'refs', 'main'), 'utf8')).toBe(set.commit);
    const asked = hub.requests.length;
    expect(await ids(set.files)).toHaveLength(20);
    const again = await openHubSet('owner/votes:human', options({ offline: true }));
    expect(await ids(again.files)).toHaveLength(20);
    expect(hub.requests).toHaveLength(asked);
    expect(again.name).toBe(set.name);
    await expect(openHubSet('owner/votes:rest', options({ offline: true }))).rejects.toThrow(
      "has no split 'rest'; it has human",
    );
    const away = await openHubSet('owner/votes:human', options({ endpoint: 'http://127.0.0.1:1' }));
    expect(away.commit).toBe(set.commit);
    await expect(openHubSet('owner/parquet', options({ offline: true }))).rejects.toThrow(
      'owner/parquet: is not in the cache',
    );
  });

  test('without a cache, whole in memory', async () => {
    const { files } = await openHubSet('owner/votes:rest', { endpoint: hub.url });
    expect(await ids(files)).toHaveLength(10);
    expect(await readdir(folder)).toEqual([]);
  });

  test('Parquet by ranges, without a download', async () => {
    const { files } = await openHubSet('owner/parquet', options());
    expect((await ids(files)).length).toBeGreaterThan(0);
    expect(await readdir(folder)).toEqual([]);
  });

  test('an older commit', async () => {
    const [before] = hub.repositories.get('datasets/owner/votes')!.commits.keys();
    hub.repositories.set('datasets/owner/votes', repositoryOf({ 'new.jsonl': lines(votes) }));
    const repository = hub.repositories.get('datasets/owner/votes')!;
    repository.commits.set(before, new Map([['old.jsonl', Buffer.from(lines(votes.slice(0, 5)))]]));
    expect(await ids((await openHubSet('owner/votes', options())).files)).toHaveLength(30);
    const old = await openHubSet(`owner/votes@${before}`, options());
    expect(old.commit).toBe(before);
    expect(await ids(old.files)).toHaveLength(5);
    expect((await openHubSet(old.name, options())).name).toBe(old.name);
  });

  test('private and gated ones need a token with rights', async () => {
    await expect(openHubSet('me/private', options())).rejects.toThrow(
      /^me\/private: the server answered 401[^:]*: there is no such data set, or it is private/,
    );
    expect(await ids((await openHubSet('me/private', options({ token: 'hf_reader' }))).files)).toHaveLength(30);
    const gated = async (token?: string) => ids((await openHubSet('owner/gated', options({ token }))).files);
    await expect(gated()).rejects.toThrow('set HF_TOKEN');
    await expect(gated('hf_reader')).rejects.toThrow("accept the licence on the data set's page");
    expect(await gated('hf_writer')).toHaveLength(30);
  });

  test.each([
    ['owner/none', /^owner\/none: the server answered 401[^:]*: there is no such data set/],
    ['owner/votes@gone', /^owner\/votes: the server answered 404[^:]*: the data set has no such revision$/],
    ['owner/votes', /^owner\/votes: has the splits human, rest: name one, as owner\/votes:human$/],
    ['votes', /^votes: is not the name of a data set/],
  ])('%s', async (text, message) => {
    await expect(openHubSet(text, options())).rejects.toThrow(message);
  });
});
