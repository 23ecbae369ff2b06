/** @file Which files of a data set on the hub are a split: by its card, else by their names, as the library `datasets` takes them. */
import { DataError } from '../error.js';
import { DATA_FILE } from './source.js';

/** A data set as a person names it: `owner/name`, `owner/name:split`, `owner/name/config:split@revision`. */
export interface HubSetName {
  id: string;
  config?: string;
  split?: string;
  /** A branch, tag or commit. */
  revision?: string;
}

const NAME =
  /^(?<id>\w[\w.-]*\/\w[\w.-]*)(?:\/(?<config>[\w.-]+))?(?::(?<split>[\w.-]+))?(?:@(?<revision>[\w.-]+(?:\/[\w.-]+)*))?$/;

/** Reads a name. Undefined for what cannot be one, and for what ends as a file of votes does. */
export function hubSetName(text: string): HubSetName | undefined {
  const { id, config, split, revision } = NAME.exec(text)?.groups ?? {};
  if (id === undefined || DATA_FILE.test(text)) return undefined;
  return { id, config, split, revision };
}

/** The files of a split. */
export interface ChosenFiles {
  config?: string;
  split: string;
  files: string[];
  /** Other splits that could be named. */
  others: string[];
  /** Files of the split in other formats, which are left out: they mostly hold the same. */
  leftOut: string[];
}

/**
 * The files of the split that is asked for: else of `train`, or of the only one.
 * @param names All files of the data set.
 * @param card `configs` of its card; empty where the card names none.
 * @throws DataError naming what there is when the configuration, the split or any file of votes is missing.
 */
export function chooseFiles(names: readonly string[], card: unknown, asked: HubSetName): ChosenFiles {
  const fail = (reason: string): never => {
    throw new DataError('read', reason, { file: asked.id });
  };
  const data = names.filter((name) => DATA_FILE.test(name) && !/(^|\/)[._]/.test(name));
  if (!data.length) {
    const endings = new Set(names.map((name) => /\.\w+$/.exec(name)?.[0] ?? name));
    fail(
      `holds no votes as .parquet, .jsonl, .csv, .tsv or .json; its ${names.length} files end in ${[...endings].slice(0, 8).join(', ')}`,
    );
  }
  const config = configOf(configsIn(card), asked, fail);
  const splits = splitsOf(data, config);
  const known = [...splits.keys()];
  if (!known.length) fail(`${config ? `its configuration ${config.name}` : 'its card'} names files that are not there`);
  const split = asked.split ?? (known.includes('train') ? 'train' : known[0]);
  const all = splits.get(split);
  if (!all) return fail(`has no split '${split}'; it has ${known.join(', ')}`);
  if (asked.split === undefined && !known.includes('train') && known.length > 1) {
    fail(
      `has the splits ${known.join(', ')}: name one, as ${asked.id}${asked.config ? `/${asked.config}` : ''}:${known[0]}`,
    );
  }
  const files = oneFormat(all);
  const leftOut = all.filter((name) => !files.includes(name));
  return { config: config?.name, split, files, others: known.filter((name) => name !== split), leftOut };
}

/** A configuration of a card. Without `splits` its files are told apart by their names. */
interface Config {
  name: string;
  isDefault: boolean;
  folder?: string;
  splits?: Map<string, string[]>;
}

function configsIn(card: unknown): Config[] {
  if (!Array.isArray(card)) return [];
  return card.flatMap((entry) => {
    const {
      config_name: name,
      default: isDefault,
      data_dir: folder,
      data_files: files,
    } = (entry ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string') return [];
    return [
      {
        name,
        isDefault: isDefault === true,
        folder: typeof folder === 'string' ? folder : undefined,
        splits: patterns(files),
      },
    ];
  });
}

/** `data_files`: patterns alone are the split train. */
function patterns(files: unknown): Map<string, string[]> | undefined {
  if (files === undefined || files === null) return undefined;
  const splits = new Map<string, string[]>();
  for (const entry of Array.isArray(files) ? files : [files]) {
    const { split = 'train', path } =
      typeof entry === 'string' ? { path: entry } : ((entry ?? {}) as { split?: unknown; path?: unknown });
    const paths = (Array.isArray(path) ? path : [path]).filter((one) => typeof one === 'string');
    if (typeof split === 'string') splits.set(split, [...(splits.get(split) ?? []), ...paths]);
  }
  return splits;
}

function configOf(
  configs: Config[],
  { id, config: asked, split }: HubSetName,
  fail: (reason: string) => never,
): Config | undefined {
  const names = configs.map(({ name }) => name).join(', ');
  if (asked !== undefined) {
    const found = configs.find(({ name }) => name === asked);
    return found ?? fail(`has no configuration '${asked}'; ${names ? `it has ${names}` : 'its card names none'}`);
  }
  if (configs.length <= 1) return configs[0];
  const standard = configs.find(({ isDefault }) => isDefault) ?? configs.find(({ name }) => name === 'default');
  return (
    standard ??
    fail(`has the configurations ${names}: name one, as ${id}/${configs[0].name}${split ? `:${split}` : ''}`)
  );
}

/** The files of each split, in the order of the card or of the names. */
function splitsOf(data: readonly string[], config: Config | undefined): Map<string, string[]> {
  const folder = config?.folder?.replace(/^\.?\/+|\/+$/g, '');
  const within = folder ? data.filter((name) => name.startsWith(`${folder}/`)) : [...data];
  if (!config?.splits) return byNames(within);
  const splits = new Map<string, string[]>();
  for (const [split, wanted] of config.splits) {
    const isWanted = wanted.map((pattern) => globOf(folder ? `${folder}/${pattern}` : pattern));
    const files = within.filter((name) => isWanted.some((glob) => glob.test(name)));
    if (files.length) splits.set(split, files);
  }
  return splits;
}

const KEYWORDS: [split: string, words: string][] = [
  ['train', 'train|training'],
  ['validation', 'validation|valid|val|dev'],
  ['test', 'test|testing|eval|evaluation'],
];

/** Splits by the names of shards (`data/human-00000-of-00002.parquet`), by words in file names, by folders; else all are train. */
function byNames(names: readonly string[]): Map<string, string[]> {
  const rules: ((name: string) => string | undefined)[] = [
    (name) => /(?:^|\/)data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*$/.exec(name)?.[1],
    (name) => word(name.split('/').at(-1)!, '[-._ 0-9]'),
    (name) =>
      name
        .split('/')
        .slice(0, -1)
        .map((part) => word(part, '[-._ 0-9]'))
        .find((split) => split !== undefined),
    () => 'train',
  ];
  for (const rule of rules) {
    const splits = new Map<string, string[]>();
    for (const name of [...names].sort()) {
      const split = rule(name);
      if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), name]);
    }
    if (splits.size) return splits;
  }
  return new Map();
}

function word(text: string, border: string): string | undefined {
  return KEYWORDS.find(([, words]) => new RegExp(`(^|${border})(${words})(${border}|$)`).test(text))?.[0];
}

/** A pattern of paths as `data_files` has them. */
function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/^\.?\/+/, '')
    .replace(/\*\*\/|\*\*|\*|\?|\{[^{}]*\}|\[[^\]]*\]|[.+^${}()|\\[\]]/g, (sign) => {
      if (sign === '**/') return '(?:.*/)?';
      if (sign === '**') return '.*';
      if (sign === '*') return '[^/]*';
      if (sign === '?') return '[^/]';
      if (sign.length > 1 && sign.startsWith('{')) {
        return `(?:${sign
          .slice(1, -1)
          .split(',')
          .map((one) => one.replace(/[.+^${}()|\\[\]*?]/g, '\\$&'))
          .join('|')})`;
      }
      if (sign.length > 1) return sign.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
      return `\\${sign}`;
    });
  return new RegExp(`^${source}$`);
}

const FORMATS = ['parquet', 'jsonl', 'ndjson', 'json', 'csv', 'tsv'];

/** The files in the format that most of them have: of as many, Parquet. */
function oneFormat(names: readonly string[]): string[] {
  const formatOf = (name: string) => DATA_FILE.exec(name)![1].toLowerCase();
  const count = (format: string) => names.filter((name) => formatOf(name) === format).length;
  const [best] = FORMATS.filter((format) => count(format)).sort((a, b) => count(b) - count(a));
  return names.filter((name) => formatOf(name) === best);
}
