/**
 * @file The cases of a folder of field reports, a line each: `node tools/field-reports.mjs FOLDER [PATTERN]`, in a built tree.
 *
 * A case is a folder NN-name with files that failed in the field and what is right. Here stands what is expected of each file that is read as
 * votes; bases and adapters have their logits in an expected.json. A line says `right`, `refused` (where a refusal is right) or `WRONG`. Exit
 * code 1 when one is wrong. Cases with a server or a kill are tests of packages/cli (connections, interrupt, hub environment).
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [folder, pattern = ''] = process.argv.slice(2);
if (!folder) throw new Error('name the folder of the cases');
const here = resolve(folder);
const use = (name) => import(join(ROOT, `packages/${name}/dist/index.js`));
const [{ readBattles }, { openEngine }, gemma, { loadAdapter }, { openFile }] = await Promise.all(
  ['data', 'runtime', 'gemma', 'lora', 'files'].map(use),
);

/** Votes a, b and none of a file, or what its refusal says. */
const SIX = { a: 6, b: 6 };
const NO_VOTE = { a: 4, b: 4, null: 4 };
const VOTES = {
  '01-csv-mixed-eol': SIX,
  '02-csv-cp1252/votes-cp1252': /row 0, column prompt.*not UTF-8/,
  '02-csv-cp1252/votes-utf8': SIX,
  '04-csv-delimiter': SIX,
  '06-csv-duplicate-column': /"response_a" twice/,
  '07-onehot-booleans': SIX,
  '09-empty-winner/soft-label': { a: 3, b: 3, null: 6 },
  '09-empty-winner': NO_VOTE,
  '11-hidden-files': SIX,
  '12-lfs-pointer/train': /Git LFS pointer.*git lfs pull/,
  '14-zstd-and-others/data-00000-of-00001.arrow': /Arrow/,
  '14-zstd-and-others/votes.csv.bz2': /bzip2/,
  '14-zstd-and-others/votes.csv.xz': /xz/,
  '14-zstd-and-others/votes.feather': /Feather/,
  '14-zstd-and-others/votes.jsonl.zst': SIX,
  '15-jsonl-nan/nan-winner': NO_VOTE,
  '15-jsonl-nan': SIX,
  '16-int64-ids/votes': SIX,
  '17-parquet-legacy-lists': SIX,
};
let wrong = 0;

function say(name, isRight, what) {
  if (!isRight) wrong++;
  console.log(
    `${isRight ? 'right' : 'WRONG'}  ${name}: ${what.replace(/\s+/g, ' ').replaceAll(`${here}/`, '').slice(0, 160)}`,
  );
}

/** Files and folders that hold votes. */
function votesIn(path) {
  if (basename(path).startsWith('.')) return [];
  if (!statSync(path).isDirectory()) return [path];
  if (/11-hidden-files\/./.test(path)) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => votesIn(join(path, name)));
}

async function checkVotes(path) {
  const name = relative(here, path);
  const key = Object.keys(VOTES).find((one) => name.startsWith(one));
  if (!key || !new RegExp(pattern).test(name)) return;
  const expected = VOTES[key];
  const votes = {};
  const ids = new Set();
  let rejected = 0;
  try {
    for await (const { winner, id, prompt, responseA } of readBattles(path, { reject: () => rejected++ })) {
      votes[winner] = (votes[winner] ?? 0) + 1;
      ids.add(id);
      if (/[\ufffd\r]/.test(prompt[0] + responseA[0])) rejected++;
    }
    const isRight =
      Object.entries(expected).every(([winner, count]) => votes[winner] === count) && !rejected && ids.size === 12;
    say(name, isRight, `${ids.size} ids, votes ${JSON.stringify(votes)}, ${rejected} rejected`);
  } catch (error) {
    say(name, expected instanceof RegExp && expected.test(error.message), `refused, ${error.message}`);
  }
}

/** Folders of bases and adapters with an expected.json. */
function modelsIn(path) {
  const inner = readdirSync(path)
    .map((name) => join(path, name))
    .filter((one) => statSync(one).isDirectory());
  const isModel =
    ['config.json', 'adapter_config.json'].some((name) => existsSync(join(path, name))) &&
    existsSync(join(path, 'expected.json'));
  return [...(isModel ? [path] : []), ...inner.flatMap(modelsIn)];
}

/** A folder whose links may have come as small files with the path in them. */
function opener(path) {
  return async (name) => {
    let file = join(path, name);
    if (!existsSync(file)) return null;
    if (statSync(file).size < 100) {
      const link = readFileSync(file, 'utf8').trim();
      if (/^\.\.?\//.test(link)) file = resolve(path, link);
    }
    return openFile(file);
  };
}

async function logitsOf(path, ids, base) {
  const adapter = existsSync(join(path, 'adapter_config.json')) ? await loadAdapter(path) : undefined;
  const model = await gemma.loadGemma(adapter ? opener(base) : opener(path), { adapter });
  try {
    const offsets = [0];
    for (const row of ids) offsets.push(offsets.at(-1) + row.length);
    const out = await gemma.forward(model, { ids: Int32Array.from(ids.flat()), offsets: Int32Array.from(offsets) });
    const values = await out.array();
    out.dispose();
    return values;
  } finally {
    await model.dispose();
  }
}

async function checkModel(path) {
  const name = relative(here, path);
  if (!new RegExp(pattern).test(name)) return;
  const expected = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8'));
  const { right = '', tolerance = 1e-4, ids } = expected;
  if (!ids) return;
  const base = name.startsWith('58-') ? join(here, name.split('/')[0], 'base') : join(here, 'base');
  // a base without a head loads for training, and gives no scores before it
  const mayRefuse = /refus|a word|score head is new/.test(right);
  try {
    const got = await logitsOf(path, ids, base);
    const want = expected.same_as ? await logitsOf(join(here, expected.same_as), ids, base) : expected.logits;
    if (!want) return say(name, !/random/.test(right), 'loaded; nothing to compare with');
    const off = Math.max(...got.flatMap((row, i) => row.map((value, k) => Math.abs(value - want[i][k]))));
    say(name, off <= tolerance, `logits off by ${off.toExponential(1)}`);
  } catch (error) {
    const words = expected.must_name ?? [];
    const isRight = mayRefuse && !(error instanceof TypeError) && words.every((word) => error.message.includes(word));
    say(name, isRight, `refused, ${error.message}`);
  }
}

/** An adapter without a head on a base without one has nothing to say: no random scores. */
async function checkHeadless() {
  const path = join(here, '34-adapter-without-head');
  for (const bare of ['36-base-without-prefix', '34-adapter-without-head/base-without-head']) {
    const name = `${basename(path)} on ${bare}`;
    if (!existsSync(join(here, bare)) || !new RegExp(pattern).test(name)) continue;
    const { ids } = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8'));
    const said = await logitsOf(path, ids, join(here, bare)).catch((error) => error);
    say(name, /head|score/.test(said.message ?? ''), said.message ? `refused, ${said.message}` : 'gives scores');
  }
}

const engine = await openEngine('wasm', { threads: 1 });
for (const path of votesIn(here)) await checkVotes(path);
for (const path of modelsIn(here)) await checkModel(path);
await checkHeadless();
engine.dispose();
console.log(`${wrong} wrong`);
process.exitCode = wrong ? 1 : 0;
