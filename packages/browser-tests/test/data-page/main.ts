/** @file A page that reads votes from its server, packs them and says what it has. */
import { type Packed, packer, readBattles } from '@arena/data';
import { loadTokenizer } from '@arena/tokenizer';

declare global {
  var votes: Promise<{ parquet: string[]; csv: string[]; gzip: string[]; zstd: string[]; tokens: number[] }>;
}

globalThis.votes = (async () => {
  const tokenizer = loadTokenizer(await (await fetch('/tokenizer.json')).text());
  const pack = packer(tokenizer, { maxTokens: 400 });
  const ids = async (name: string) => {
    const found: string[] = [];
    const packed: Packed[] = [];
    for await (const battle of readBattles(new URL(name, location.href))) {
      found.push(battle.id);
      packed.push(pack(battle));
    }
    return { found, tokens: packed.map((one) => one.ids.length) };
  };
  const parquet = await ids('/votes.parquet');
  const csv = await ids('/votes.csv');
  const gzip = await ids('/votes-gzip.bin');
  const zstd = await ids('/votes-zstd.bin');
  return {
    parquet: parquet.found,
    csv: csv.found,
    gzip: gzip.found,
    zstd: zstd.found,
    tokens: parquet.tokens,
  };
})();
