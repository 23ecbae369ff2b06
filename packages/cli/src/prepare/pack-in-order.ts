/** @file Packing a stream of battles, in threads when wanted; they come out in the order in which they went in. */
import { type Battle, type Packed, type PackOptions, packer } from '@arena/data';
import { openEncoderPool, type Tokenizer } from '@arena/tokenizer';
import type { TokenizerSource } from './tokenizer-source.js';

export interface PackInOrderOptions {
  tokenizer: Tokenizer;
  /** What it is made of, for the threads. */
  source: TokenizerSource['source'];
  packing: PackOptions;
  /** Threads that tokenise; 0: none but this one. */
  workers: number;
}

/** Battles whose texts a thread gets at once. */
const LOT = 64;
/** Lots that a thread has waiting, so that it is never idle. */
const LOTS_AHEAD = 2;

/** Gives each battle with its tokens. */
export async function* packInOrder(
  battles: AsyncIterable<Battle>,
  { tokenizer, source, packing, workers }: PackInOrderOptions,
): AsyncGenerator<[Battle, Packed]> {
  if (workers === 0) {
    const pack = packer(tokenizer, packing);
    for await (const battle of battles) yield [battle, pack(battle)];
    return;
  }
  // The packer asks for texts one by one: those of the lot at hand are answered from what the threads have sent.
  let known = new Map<string, Int32Array>();
  const encode: Tokenizer['encode'] = (text, options) => known.get(text) ?? tokenizer.encode(text, options);
  const pack = packer({ encode, tokenToId: (token) => tokenizer.tokenToId(token) }, packing);
  const options = { splitSpecialTokens: packing.neutralizeSpecialTokens ?? true };
  const pool = openEncoderPool(source, { workers });
  const ahead: { lot: Battle[]; tokens: Promise<Map<string, Int32Array>> }[] = [];

  function send(lot: Battle[]): void {
    const texts = [
      ...new Set(lot.flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB])),
    ];
    const tokens = pool.encode(texts, options).then((ids) => new Map(texts.map((text, i) => [text, ids[i]])));
    tokens.catch(() => {}); // told when its turn comes
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
