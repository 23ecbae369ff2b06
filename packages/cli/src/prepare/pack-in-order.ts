/** @file Packs a stream of battles, optionally in threads. The order stays. */
import { type Battle, type Packed, type PackOptions, packer } from '@arena/data';
import { packerTextOptions } from '@arena/data/pack';
import { openEncoderPool, type Tokenizer } from '@arena/tokenizer';
import type { TokenizerSource } from './tokenizer-source.js';

export interface PackInOrderOptions {
  tokenizer: Tokenizer;
  /** The tokenizer's source, for the threads. */
  source: TokenizerSource['source'];
  packing: PackOptions;
  /** Threads that tokenise. 0: only this one. */
  workers: number;
}

/** Battles sent to a thread at once. */
const LOT = 64;
/** Lots queued for a thread, so that it is never idle. */
const LOTS_AHEAD = 2;

/** Yields each battle with its tokens. */
export async function* packInOrder(
  battles: AsyncIterable<Battle>,
  { tokenizer, source, packing, workers }: PackInOrderOptions,
): AsyncGenerator<[Battle, Packed]> {
  if (workers === 0) {
    const pack = packer(tokenizer, packing);
    for await (const battle of battles) yield [battle, pack(battle)];
    return;
  }
  // The packer asks for texts one by one: the threads' results answer those of the current lot.
  let known = new Map<string, Int32Array>();
  const encode: Tokenizer['encode'] = (text, options) => known.get(text) ?? tokenizer.encode(text, options);
  const { addedTokens } = tokenizer;
  const pack = packer({ encode, addedTokens, tokenToId: (token) => tokenizer.tokenToId(token) }, packing);
  const options = packerTextOptions(tokenizer, packing);
  const pool = openEncoderPool(source, { workers });
  const ahead: { lot: Battle[]; tokens: Promise<Map<string, Int32Array>> }[] = [];

  function send(lot: Battle[]): void {
    const texts = [
      ...new Set(lot.flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB])),
    ];
    const tokens = pool.encode(texts, options).then((ids) => new Map(texts.map((text, i) => [text, ids[i]])));
    tokens.catch(() => {}); // reported when its turn comes
    ahead.push({ lot, tokens });
  }
  async function* take(): AsyncGenerator<[Battle, Packed]> {
    const { lot, tokens } = ahead.shift()!;
    known = await tokens;
    for (const battle of lot) yield [battle, pack(battle)];
  }

  try {
    let lot: Battle[] = [];
    for await (const battle of battles) {
      if (lot.push(battle) < LOT) continue;
      send(lot);
      lot = [];
      if (ahead.length > LOTS_AHEAD * workers) yield* take();
    }
    if (lot.length > 0) send(lot);
    while (ahead.length > 0) yield* take();
  } finally {
    await pool.close();
  }
}
