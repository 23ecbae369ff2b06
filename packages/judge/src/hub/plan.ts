/** @file What of a folder goes to the hub: the files that its kind has, with a model card, and nothing else (Node). */
import type { HubUpload } from '@arena/files/hub';
import { nodeFs } from '@arena/files/source';
import { readGgufBase } from '@arena/gemma';
import { GEMMA_NOTICE, type JudgeForm, judgeReadme } from '../card/readme.js';
import { formatCard, type ModelCard } from '../card.js';
import { JudgeError } from '../error.js';
import { HUB_NAME, type HubPlace, hubPlaceOf } from '../hub-place.js';
import { type PushedFolder, readFolder } from './folder.js';
import { readRun } from './run.js';

/** What the files do not say. */
export interface PushOptions {
  /** Id of the base on the hub, where the judge's files name a path. */
  baseId?: string;
  /** The folder of its run, for the figures and settings. Default: that of an adapter within its run. */
  run?: string;
}

/** What would be uploaded. */
export interface PushPlan {
  /** The folder that the files are in. */
  folder: string;
  form: JudgeForm;
  base: HubPlace;
  /** With README.md, NOTICE, and texts in which paths are replaced. */
  files: HubUpload[];
  /** The text of README.md. */
  readme: string;
  /** Files of the folder that stay here. */
  leftOut: string[];
}

/**
 * Plans the upload of an adapter (or a run: its adapter), a merged checkpoint, an ONNX or a GGUF folder of a judge. Reads no
 * weights but an adapter's, and asks nobody.
 * @param id The name that it gets on the hub.
 * @throws JudgeError when the folder is none of these, when nothing says what the base is on the hub, or when a text holds
 * what looks like an access token.
 * @example
 * const plan = await planPush('run', 'you/judge');
 * await uploadToHub('you/judge', plan.files, { token: await accessToken() }); // of @arena/files/hub
 */
export async function planPush(folder: string, id: string, { baseId, run }: PushOptions = {}): Promise<PushPlan> {
  const found = await readFolder(folder);
  const from = await readRun(run ?? found.run, found);
  const card = found.card ?? from?.card;
  if (!card) {
    throw new JudgeError('card', `${found.folder}: there is no arena.json; name the run that it is of with \`run\``);
  }
  const base = await baseOf(found, card, baseId);
  const readme = judgeReadme({
    ...found,
    card,
    labels: found.labels ?? from?.labels ?? (card.head === 'reward' ? ['reward'] : ['A', 'B']),
    id,
    base,
    settings: from?.settings,
    report: from?.report,
  });
  const texts: Record<string, string> = { 'README.md': readme, NOTICE: GEMMA_NOTICE };
  if (found.card) texts['arena.json'] = formatCard({ ...card, base: base.id, baseHub: base });
  for (const name of NAMING.filter((name) => found.names.includes(name))) {
    texts[name] = withoutPaths(await nodeFs().readFile(`${found.folder}/${name}`, 'utf8'), base.id);
  }
  checkSecrets(texts, found.folder);
  const files = Object.entries(texts).map(([path, text]) => textFile(path, text));
  for (const name of found.names.filter((name) => !(name in texts))) files.push(await diskFile(found.folder, name));
  return { folder: found.folder, form: found.form, base, files, readme, leftOut: found.leftOut };
}

/** Files of the Python tools in which a path may stand. */
const NAMING = ['adapter_config.json', 'config.json', 'tokenizer_config.json'];

/** The base on the hub. @throws JudgeError when nothing says it. */
async function baseOf({ folder }: PushedFolder, card: ModelCard, baseId: string | undefined): Promise<HubPlace> {
  if (baseId !== undefined) {
    const { id, revision } = HUB_NAME.exec(baseId)?.groups ?? {};
    if (id === undefined) {
      throw new JudgeError(
        'card',
        `\`baseId\` ${JSON.stringify(baseId)}: the id of a model on the hub is expected, such as google/gemma-2-2b`,
      );
    }
    return { id, ...(revision === undefined ? {} : { commit: revision }) };
  }
  if (card.baseHub) return card.baseHub;
  const { base } = card; // of earlier versions, which did not say where on the hub it is
  const isHere =
    base !== undefined &&
    (await nodeFs()
      .stat(base)
      .catch(() => undefined)) !== undefined;
  const file = isHere ? await readGgufBase(base).catch(() => undefined) : undefined;
  const place = base === undefined ? undefined : hubPlaceOf(base, isHere ? base : '', file?.hubId);
  if (place) return place;
  const hint = isHere ? await cameFrom(base) : undefined;
  const why = hint ? `; its config.json says it came from ${hint}: give that where the weights are the same` : '';
  throw new JudgeError(
    'card',
    `${folder}: a card names the base by its id on the hub, and this one's is ${base ?? 'not named'}: give \`baseId\`, such as google/gemma-2-2b${why}`,
  );
}

/** What transformers noted in a checkpoint. Not the checkpoint's own id: a tuned one names its parent there. */
async function cameFrom(base: string): Promise<string | undefined> {
  const text = await nodeFs()
    .readFile(`${base}/config.json`, 'utf8')
    .catch(() => '');
  const id = /"_name_or_path"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return id !== undefined && HUB_NAME.test(id) ? id : undefined;
}

/** A text of JSON in which the base is named by its id. */
function withoutPaths(text: string, id: string): string {
  return text.replace(
    /("(?:base_model_name_or_path|_name_or_path|name_or_path)"\s*:\s*)("(?:[^"\\]|\\.)*"|null)/g,
    (whole, key: string, value: string) =>
      value !== 'null' && HUB_NAME.test(value.slice(1, -1)) && !key.includes('base_model')
        ? whole
        : `${key}${JSON.stringify(id)}`,
  );
}

/** How the hub's access tokens look. */
const SECRET = /\bhf_[A-Za-z0-9]{20,}/;

function checkSecrets(texts: Record<string, string>, folder: string): void {
  const found = Object.entries(texts).find(([, text]) => SECRET.test(text));
  if (!found) return;
  throw new JudgeError(
    'card',
    `${folder}/${found[0]}: holds what looks like an access token of the hub: remove it first`,
  );
}

function textFile(path: string, text: string): HubUpload {
  const content = new Blob([text]);
  return { path, size: content.size, content };
}

async function diskFile(folder: string, name: string): Promise<HubUpload> {
  const { pathToFileURL } = process.getBuiltinModule('node:url');
  const { resolve } = process.getBuiltinModule('node:path');
  const path = resolve(folder, name);
  const info = await nodeFs().stat(path);
  if (!info.isFile()) throw new JudgeError('card', `${path}: is not a file`);
  return { path: name, size: info.size, content: pathToFileURL(path) };
}
